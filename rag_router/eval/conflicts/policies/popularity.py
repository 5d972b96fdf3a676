"""An answer of the same type, as often from among the unknown ones as from the well known.

Longpre et al. 2021, arXiv 2109.05052, "popularity substitution": entities of the same type are
sorted by their page views and cut into bins of equal size. The paper makes one row for each bin,
out of Wikidata, and for people only; here a bin is drawn, all alike, and then an entity of it,
out of the set's own answers whose popularity its rows state.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import UsageError
from rag_router.eval.conflicts.draws import Draw
from rag_router.eval.conflicts.pool import Entity, Pool
from rag_router.eval.conflicts.substitutes import conflicting
from rag_router.eval.conflicts.targets import POPULARITY, Target

__all__ = ["PopularityPolicy"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PopularityPolicy:
    """Take an answer of the same type from a random popularity bin.

    Args:
        bins: Number of bins, >= 1; one bin draws from all alike.
    """

    bins: Annotated[int, Field(ge=1)] = 5

    def candidates(self, target: Target, pool: Pool, draw: Draw) -> Iterator[Entity]:
        if not any(pool.by_popularity(kind) for kind in pool.types):
            keys = ", ".join(f"meta.{key}" for key in POPULARITY)
            raise UsageError(
                "the policy 'popularity' needs to know how popular the answers are, "
                f"and no row says so in {keys}.",
                hint="Add one of them to the rows, or choose the policy 'corpus'.",
            )
        ranked = pool.by_popularity(target.type)
        edges = [len(ranked) * cut // self.bins for cut in range(self.bins + 1)]
        for at in draw.shuffled(range(self.bins)):
            yield from conflicting(draw.shuffled(ranked[edges[at] : edges[at + 1]]), target)
