"""How near the nearest labelled questions of an expert lie.

RouterRetriever's DatasetRouter (Lee et al. 2025, arXiv 2409.02685, table 1) takes the expert of the
nearest of 100 questions of each set. Here the k nearest of each expert count:

    score(e, q) = mean of the k highest cosines of q and labelled questions of e

which, unlike a vote among all, is not changed by the experts beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.retrievers.routing.learned import LearnedRouter, Taught
from rag_router.retrievers.routing.seen import as_kept, as_read

__all__ = ["NeighboursRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NeighboursRouter(LearnedRouter):
    """Send a question to the expert whose labelled questions lie nearest to it.

    Args:
        fewest: Labelled questions that an expert needs, >= 10.
        kept: Most labelled questions to learn from and keep, of each expert.
        arrays: What was learned; empty until fitted.
        neighbours: How many of the nearest count (k).
    """

    neighbours: Annotated[int, Field(ge=1, le=200)] = 5

    options_kept: ClassVar[tuple[str, ...]] = ("neighbours",)

    def taught(self, lesson: Taught) -> Mapping[str, NDArray[Any]]:
        seen, scales = as_kept(lesson.own.astype(np.float32))
        return {"seen": seen, "scales": scales}

    def score(
        self, learned: Mapping[str, NDArray[Any]], vectors: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        seen = as_read(learned["seen"], learned["scales"])
        k = min(self.neighbours, len(seen))
        # One question at a time: a product of matrices adds up in another order.
        return np.array([np.sort(seen @ vector)[-k:].mean() for vector in vectors])
