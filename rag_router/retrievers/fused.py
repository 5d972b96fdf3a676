"""Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009, doi 10.1145/1571941.1572114).

    score(d) = sum over members that found d: 1 / (smoothing + rank of d in that member)

A member that did not find a passage adds nothing to it, and neither does one that fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.retrievers.base import Query, Retriever, Searchable, ranked
from rag_router.retrievers.merging import by_passage, merged
from rag_router.retrievers.naming import built
from rag_router.retrievers.setbacks import ask_or_leave_out
from rag_router.types import Hit

__all__ = ["FusedRetriever"]

_MEMBERS: Any = ("sparse", "dense")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FusedRetriever:
    """Ask several retrievers, and rank high what many of them rank high.

    Args:
        k: Most hits for a question.
        smoothing: How little the very first ranks matter, >= 1; 60 is the published constant.
        depth: How many hits each member that is given by name may bring.
        members: Names of retrievers, tables of a name and options, or retrievers; what comes as
            a retriever keeps its own `k`.
        name: What hits say found them.
    """

    k: Annotated[int, Field(ge=1)] = 8
    smoothing: Annotated[int, Field(ge=1)] = 60
    depth: Annotated[int, Field(ge=1)] = 50
    members: Annotated[tuple[Retriever, ...], Field(min_length=1)] = _MEMBERS
    name: str = "fused"

    @field_validator("members", mode="before")
    @classmethod
    def _build_named(cls, members: Any, info: ValidationInfo) -> Any:
        # Settings hold only names and tables; everything behind this line is a retriever.
        if not isinstance(members, list | tuple) or "depth" not in info.data:
            return members
        return tuple(built(member, k=info.data["depth"]) for member in members)

    @property
    def calls(self) -> int:
        return sum(member.calls for member in self.members)

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        by_member = ask_or_leave_out(self.members, queries, indices)
        return [self._fuse([found[row] for found in by_member]) for row in range(len(queries))]

    def _fuse(self, lists: Sequence[Sequence[Hit]]) -> list[Hit]:
        return ranked([self._one(hits) for hits in by_passage(lists)], self.k)

    def _one(self, hits: Sequence[Hit]) -> Hit:
        # fsum, because the sum must not depend on the order of the members.
        score = fsum(1 / (self.smoothing + hit.rank) for hit in hits)
        return merged(hits, name=self.name, score=score)
