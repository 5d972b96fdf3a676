"""Who was right on the nearest questions?

The kNN router of RouterBench (Hu et al. 2024, arXiv 2403.12031): an expert's chance on a question
is its share of right answers among the k labelled questions nearest to it,

    P(e right | q) = sum_{j in N_k(q)} w_j right_ej / sum_j w_j,    w_j = exp(sharpness * cos(q, j))

With a sharpness of 0, as published, all k count the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.lesson import OutcomeLesson

__all__ = ["NeighboursRouter", "keep_outcomes", "nearest", "shares_nearby"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NeighboursRouter(LearnedExpertRouter):
    """Ask the expert that was right on the questions nearest to this one.

    Args:
        price_weight: Accuracy that the dearest candidate must bring more than a free one, >= 0.
        experts: Whom it knows; set by fitting.
        arrays: What was learned; empty until fitted.
        neighbours: How many of the nearest questions count (k).
        sharpness: How much more the nearer of them count, >= 0; 0 is RouterBench's.
        kept: Most questions to keep, those drawn by the lesson's seed.
    """

    neighbours: Annotated[int, Field(ge=1, le=1_000)] = 40
    sharpness: Annotated[float, Field(ge=0, le=100)] = 0.0
    kept: Annotated[int, Field(ge=20, le=20_000)] = 2_000

    called: ClassVar[str] = "neighbours"
    options_kept: ClassVar[tuple[str, ...]] = ("neighbours", "sharpness", "kept")

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        return keep_outcomes(lesson, self.kept)

    def likely(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return shares_nearby(self.arrays, vectors, self.neighbours, self.sharpness)


def keep_outcomes(lesson: OutcomeLesson, most: int) -> dict[str, NDArray[np.float32]]:
    """Return embeddings and outcomes to look up, "seen" and "right", of at most so many rows."""
    kept = lesson.some(most)
    return {"seen": kept.vectors.astype(np.float32), "right": kept.right.astype(np.float32)}


def shares_nearby(
    outcomes: Mapping[str, NDArray[Any]], vectors: NDArray[np.float64], k: int, sharpness: float
) -> NDArray[np.float64]:
    """Return each expert's weighted share of right answers nearby, shape (questions, experts)."""
    seen, right = outcomes["seen"], outcomes["right"]
    rows = []
    for vector in vectors:
        found, cosines = nearest(seen, vector, k)
        weights = np.exp(sharpness * (cosines - 1))
        near = right[found].astype(np.float64)
        rows.append((weights[:, None] * near).sum(axis=0) / weights.sum())
    return np.array(rows)


def nearest(
    seen: NDArray[np.float32], vector: NDArray[np.float64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the nearest of some vectors, and their cosines; the nearest first, shapes (<= k,).

    Of equally near ones, the first is the nearer.

    Args:
        seen: Of unit length, shape (n, dimension).
        vector: Of unit length, shape (dimension,).
        k: How many.
    """
    # One question at a time: a product of matrices adds up in another order.
    cosines = (seen @ vector.astype(np.float32)).astype(np.float64)
    order = np.argsort(-cosines, kind="stable")[:k]
    return order, cosines[order]
