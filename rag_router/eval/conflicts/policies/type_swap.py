"""An answer of another type, from the same set: what a sensible reader ought to reject.

Longpre et al. 2021, arXiv 2109.05052, "type swap substitution": a ~ U{a' in A(corpus) : type(a')
!= type(a)}. The paper makes one row for each other type; here the type is drawn first, all
alike, and then the answer, so that a row stays one row.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.eval.conflicts.draws import Draw
from rag_router.eval.conflicts.pool import Entity, Pool
from rag_router.eval.conflicts.substitutes import conflicting
from rag_router.eval.conflicts.targets import Target

__all__ = ["TypeSwapPolicy"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TypeSwapPolicy:
    """Take an answer of another type from the same set."""

    def candidates(self, target: Target, pool: Pool, draw: Draw) -> Iterator[Entity]:
        others = [kind for kind in pool.types if kind is not target.type]
        for kind in draw.shuffled(others):
            yield from conflicting(draw.shuffled(pool.of_type(kind)), target)
