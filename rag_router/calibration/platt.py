"""Platt scaling: a logistic curve from scores to a probability.

Platt 1999, "Probabilistic outputs for support vector machines": a logistic
curve over one or more scores, fitted by maximum likelihood on smoothed targets
(n+ + 1)/(n+ + 2) and 1/(n- + 2), which keeps it finite on separable data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.errors import DataError

__all__ = ["Platt", "logit"]

_EDGE = 1e-6
_NEVER = float(np.finfo(np.float64).epsneg)
"""The smallest number whose difference from 1 can be told from 1."""


def logit(p: ArrayLike) -> NDArray[np.float64]:
    """Log-odds of `p`, with p kept 1e-6 away from 0 and 1."""
    clipped = np.clip(np.asarray(p, dtype=np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(np.log(clipped / (1 - clipped)))


@dataclass(frozen=True, slots=True)
class Platt:
    """p = 1 / (1 + exp(-(intercept + sum_i slope_i * score_i))).

    Attributes:
        slopes: One per score; positive where a higher score means more likely.
        intercept: Log-odds at score zero.
    """

    slopes: tuple[float, ...]
    intercept: float

    def __call__(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Probabilities in (0, 1) for scores of shape (n,) or (n, len(slopes))."""
        columns = np.asarray(scores, dtype=np.float64).reshape(-1, len(self.slopes))
        p = _sigmoid(columns @ np.asarray(self.slopes) + self.intercept)
        # Far out the curve rounds to 0 or 1; nothing learned from examples is that certain.
        return np.clip(p, _NEVER, 1 - _NEVER)

    @classmethod
    def fit(
        cls,
        scores: ArrayLike,
        labels: ArrayLike,
        *,
        penalty: float = 1e-6,
        offset: ArrayLike | None = None,
    ) -> Platt:
        """Fit by Newton's method on Platt's smoothed targets.

        Args:
            scores: Shape (n,) or (n, d).
            labels: What happened, n of them.
            penalty: Ridge on the slopes of standardised scores, >= 0; keeps collinear scores apart.
            offset: Log-odds that are known already, shape (n,); the curve is what is to be added to
                them. None begins with nothing.

        Raises:
            DataError: only one class is there, or a score is not finite.
        """
        y = np.asarray(labels, dtype=bool)
        positives, negatives = int(y.sum()), int((~y).sum())
        if not positives or not negatives:
            raise DataError(
                f"calibration needs both classes; saw {positives} right and {negatives} wrong.",
                hint="Give more, and more varied, labelled questions.",
            )
        x = np.asarray(scores, dtype=np.float64).reshape(len(y), -1)
        known = np.zeros(len(y)) if offset is None else np.asarray(offset, dtype=np.float64)
        if not np.isfinite(x).all() or not np.isfinite(known).all():
            raise DataError("scores hold NaN or infinity.", hint="Drop those rows first.")
        target = np.where(y, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        mean, scale = x.mean(axis=0), x.std(axis=0)
        scale[scale == 0] = 1.0
        design = np.column_stack([(x - mean) / scale, np.ones(len(y))])
        ridge = np.diag([penalty * len(y)] * x.shape[1] + [0.0])
        beta = np.zeros(design.shape[1])
        if offset is None:
            beta[-1] = np.log((positives + 1) / (negatives + 1))
        loss = _loss(design, target, ridge, beta, known)
        for _ in range(100):
            p = _sigmoid(known + design @ beta)
            gradient = design.T @ (p - target) + ridge @ beta
            hessian = (
                design.T @ (design * (p * (1 - p))[:, None]) + ridge + 1e-12 * np.eye(len(beta))
            )
            step = np.linalg.solve(hessian, gradient)
            size = 1.0
            # Halve the step until the loss falls: plain Newton can overshoot on separable data.
            while _loss(design, target, ridge, beta - size * step, known) > loss and size > 1e-8:
                size /= 2
            beta = beta - size * step
            now = _loss(design, target, ridge, beta, known)
            fallen, loss = loss - now, now
            if fallen < 1e-12:
                break
        slopes = beta[:-1] / scale
        return cls(tuple(map(float, slopes)), float(beta[-1] - slopes @ mean))


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (1 + np.tanh(z / 2)))


def _loss(
    design: NDArray[np.float64],
    target: NDArray[np.float64],
    ridge: NDArray[np.float64],
    beta: NDArray[np.float64],
    known: NDArray[np.float64],
) -> float:
    z = known + design @ beta
    # log(1 + e^z) - t z is the cross-entropy of a logistic model; this form cannot overflow.
    return float(np.sum(np.logaddexp(0, z) - target * z) + 0.5 * beta @ ridge @ beta)
