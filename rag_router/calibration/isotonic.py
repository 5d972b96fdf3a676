"""Isotonic regression: the non-decreasing curve nearest to what happened.

Zadrozny and Elkan 2002, "Transforming classifier scores into accurate multiclass probability
estimates" (doi 10.1145/775047.775151). It assumes nothing but the order, and needs many examples
for it; between the steps it was fitted to, the curve is a straight line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.errors import DataError

__all__ = ["Isotonic"]


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A non-decreasing, piecewise linear curve.

    Attributes:
        scores: Where it bends, increasing.
        probabilities: What it says there, non-decreasing, in (0, 1).
    """

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Probabilities in (0, 1) for scores of shape (n,); flat beyond both ends."""
        x = np.asarray(scores, dtype=np.float64).reshape(-1)
        return np.interp(x, self.scores, self.probabilities)

    @classmethod
    def fit(cls, scores: ArrayLike, labels: ArrayLike) -> Isotonic:
        """Fit by pooling adjacent violators.

        Raises:
            DataError: only one class is there, or a score is not finite.
        """
        x = np.asarray(scores, dtype=np.float64).reshape(-1)
        y = np.asarray(labels, dtype=np.float64)
        if not 0 < y.sum() < len(y):
            raise DataError("calibration needs both classes; saw one.")
        if not np.isfinite(x).all():
            raise DataError("scores hold NaN or infinity.", hint="Drop those rows first.")
        values, where, counts = np.unique(x, return_inverse=True, return_counts=True)
        means = np.bincount(where, weights=y) / counts
        blocks: list[tuple[float, int, float, float]] = []  # mean, weight, first, last score
        for score, mean, weight in zip(values, means, counts, strict=True):
            block = (float(mean), int(weight), float(score), float(score))
            while blocks and blocks[-1][0] >= block[0]:
                before = blocks.pop()
                size = before[1] + block[1]
                mixed = (before[0] * before[1] + block[0] * block[1]) / size
                block = (mixed, size, before[2], block[3])
            blocks.append(block)
        # Nothing learned from n examples is more certain than n examples can show.
        edge = 1 / (len(x) + 2)
        points: dict[float, float] = {}
        for mean, _, first, last in blocks:
            p = float(np.clip(mean, edge, 1 - edge))
            points[first], points[last] = p, p
        return cls(tuple(points), tuple(points.values()))
