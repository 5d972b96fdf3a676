"""What a retrieval expert is: a name, where it looks, and how.

The usual expert is an index of a field. Experts may also share one index and embed questions each
in its own way, as in RouterRetriever (Lee et al. 2025, arXiv 2409.02685): documents are embedded
once, by the base embedder, whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import field_validator
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.retrievers.base import Retriever, Searchable
from rag_router.retrievers.naming import built
from rag_router.retrievers.routing.base import QueryEncoder

__all__ = ["EVERYWHERE", "RetrievalExpert", "experts_of", "indices_of"]

EVERYWHERE: Final = "*"
"""In place of an index's name: all of them."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RetrievalExpert:
    """One of those among whom is routed.

    Args:
        name: What router and trace call it.
        indexes: Where it looks; left out, the index of its own name, and "*" is all of them.
        retriever: Who looks there, by name or with options; None takes the routed one's member.
        adapter: Folder of a query adapter (`rag-router route fit-expert`); None embeds questions
            as the base embedder does.
        encoder: The adapter, loaded; set by whoever loads it.
    """

    name: str
    indexes: tuple[str, ...] = ()
    retriever: Retriever | None = None
    adapter: Path | None = None
    encoder: QueryEncoder | None = None

    @field_validator("retriever", mode="before")
    @classmethod
    def _build_named(cls, given: Any) -> Any:
        return built(given)

    @property
    def places(self) -> tuple[str, ...]:
        """Names of the indexes it looks in, or "*"."""
        return self.indexes or (self.name,)


def experts_of(
    given: Sequence[RetrievalExpert], indices: Iterable[Searchable]
) -> list[RetrievalExpert]:
    """Return the experts that can be asked here, by name.

    An index that no expert is said to look in is an expert by itself. An expert none of whose
    indexes is at hand cannot be asked.
    """
    names = [index.name for index in indices]
    taken = {place for expert in given for place in expert.places}
    alone = [] if EVERYWHERE in taken else [name for name in names if name not in taken]
    everyone = [*given, *(RetrievalExpert(name=name) for name in alone)]
    there = {*names, EVERYWHERE} if names else set()
    able = [expert for expert in everyone if there.intersection(expert.places)]
    return sorted(able, key=lambda expert: expert.name)


def indices_of(expert: RetrievalExpert, indices: Sequence[Searchable]) -> list[Searchable]:
    """Return where an expert looks, of what is at hand."""
    return [
        index for index in indices if index.name in expert.places or EVERYWHERE in expert.places
    ]
