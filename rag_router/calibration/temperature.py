"""Temperature scaling: one number that makes log-odds steeper or flatter.

Guo et al. 2017, "On calibration of modern neural networks" (arXiv 1706.04599): p = sigmoid(z / T)
with T > 0 of least cross-entropy. It keeps the order of scores and the side of one half they are
on, so it suits scores that are log-odds already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.errors import DataError

__all__ = ["Temperature"]

_COLDEST, _HOTTEST = 0.02, 50.0


@dataclass(frozen=True, slots=True)
class Temperature:
    """p = 1 / (1 + exp(-z / T)).

    Attributes:
        value: T, in [0.02, 50]; above 1 it takes certainty away.
    """

    value: float

    def __call__(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Probabilities in (0, 1) for log-odds of shape (n,)."""
        z = np.asarray(scores, dtype=np.float64).reshape(-1) / self.value
        return np.clip(0.5 * (1 + np.tanh(z / 2)), 1e-12, 1 - 1e-12)

    @classmethod
    def fit(cls, scores: ArrayLike, labels: ArrayLike) -> Temperature:
        """Find the temperature of least cross-entropy by golden-section search.

        The loss is convex in 1 / T, so that the search cannot miss the minimum.

        Raises:
            DataError: only one class is there, or a score is not finite.
        """
        z = np.asarray(scores, dtype=np.float64).reshape(-1)
        y = np.asarray(labels, dtype=np.float64)
        if not 0 < y.sum() < len(y):
            raise DataError("calibration needs both classes; saw one.")
        if not np.isfinite(z).all():
            raise DataError("scores hold NaN or infinity.", hint="Drop those rows first.")

        def loss(inverse: float) -> float:
            return float(np.mean(np.logaddexp(0, z * inverse) - y * z * inverse))

        low, high = 1 / _HOTTEST, 1 / _COLDEST
        golden = (np.sqrt(5) - 1) / 2
        for _ in range(100):
            left, right = high - golden * (high - low), low + golden * (high - low)
            if loss(left) <= loss(right):
                high = right
            else:
                low = left
        return cls(float(2 / (low + high)))
