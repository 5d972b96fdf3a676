"""Five aligned granularities of one text (Mix-of-Granularity, Zhong et al., arXiv 2406.00456).

A chunk of level j is two adjacent chunks of level j - 1, with no overlap, within one document;
the last chunk of an odd number is its own parent. Only the finest level is stored: the others
are read off its order, so that they cost no space and cannot disagree with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.indices.chunking import Chunk, SentenceChunker
from rag_router.indices.packing import TokenCounter

__all__ = ["LEVELS", "GranularChunker", "aligned"]

LEVELS = 5
"""Of the paper: half the usual size of a passage, the usual size, and 2, 4 and 8 times it."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class GranularChunker:
    """Cut into passages of half the usual size, the finest of five aligned sizes.

    Sentences are packed as `SentenceChunker` packs them, and nothing is repeated. What is found
    with the retriever `granular` is joined to larger passages; other retrievers see the finest.

    Args:
        max_tokens: Most tokens in a passage of the finest level, >= 8.
    """

    max_tokens: Annotated[int, Field(ge=8)] = 100

    @property
    def settings(self) -> dict[str, Any]:
        """What the passages depend on, for manifests and hashes."""
        return {"kind": "granular", "max_tokens": self.max_tokens}

    def chunk(self, texts: Sequence[str], count_tokens: TokenCounter) -> list[list[Chunk]]:
        """Cut each text; blank ones give no chunk."""
        finest = SentenceChunker(max_tokens=self.max_tokens, overlap_tokens=0)
        return finest.chunk(texts, count_tokens)


def aligned(count: int, level: int) -> list[range]:
    """Which finest chunks of a document each chunk of a level is made of.

    Args:
        count: How many finest chunks the document has.
        level: 0 is the finest; a chunk of level j holds 2 ** j of them, the last one fewer.
    """
    size = 2**level
    return [range(begin, min(begin + size, count)) for begin in range(0, count, size)]
