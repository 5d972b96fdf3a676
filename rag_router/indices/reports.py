"""What the library of indices tells its callers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rag_router.indices.documents import Skipped

__all__ = ["AddReport", "Erasure", "IndexCard", "OnProgress", "Progress", "Stage"]

Stage = Literal["read", "cut", "encode", "write", "publish"]
"""The stages of an addition, in order."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an addition has come: `done` of `total` in this stage."""

    stage: Stage
    done: int
    total: int


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddReport:
    """What an addition did.

    Attributes:
        added: Documents that are new.
        replaced: Documents whose content or chunker settings changed.
        unchanged: Documents that were there just so.
        removed: Documents that the clean-up took away.
        passages: Passages in the index now.
        encoded: Texts that the embedder had to read.
        skipped: What was passed over.
        generation: The generation that is published now.
    """

    added: int
    replaced: int
    unchanged: int
    passages: int
    encoded: int
    skipped: list[Skipped]
    generation: int
    removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What was erased.

    Attributes:
        documents: Ids of the documents.
        passages: Ids of their passages.
        generation: The generation that is published now, and the only one there is.
    """

    documents: tuple[str, ...]
    passages: tuple[str, ...]
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexCard:
    """One line about an index.

    Attributes:
        vectors: How they are searched: "flat", "hnsw" or "ivf_pq".
        recall_at_10: Share of the ten nearest that such a search finds.
        size_bytes: Of the files of the current generation.
        problem: Why it cannot be opened; empty when its manifest is sound.
    """

    name: str
    generation: int = 0
    documents: int = 0
    passages: int = 0
    dimension: int = 0
    encoder: str = ""
    created: str = ""
    vectors: str = ""
    recall_at_10: float = 1.0
    size_bytes: int = 0
    problem: str = ""
