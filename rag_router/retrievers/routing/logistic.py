"""Curves from an expert's scores to how likely a question is its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rag_router.calibration import Platt
from rag_router.learning.logistic import fit_logistic

__all__ = ["balanced_curve"]

_RIDGE_OF_CURVE = 1e-4


def balanced_curve(own: NDArray[np.float64], others: NDArray[np.float64]) -> Platt:
    """Fit the curve from scores to P(own), as if own and others were equally many.

    Platt's smoothed targets keep it finite on separable data. Where higher scores do not mean
    own, nothing is known: 0.5 everywhere.

    Args:
        own: Scores of questions that belong to the expert.
        others: Scores of questions that do not.
    """
    scores = np.concatenate([own, others])
    mean, scale = float(scores.mean()), float(scores.std()) or 1.0
    n, m = len(own), len(others)
    target = np.concatenate([np.full(n, (n + 1) / (n + 2)), np.full(m, 1 / (m + 2))])
    weight = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    slopes, bias = fit_logistic((scores[:, None] - mean) / scale, target, weight, _RIDGE_OF_CURVE)
    slope = float(slopes[0]) / scale
    return Platt((slope,), bias - slope * mean) if slope > 0 else Platt((0.0,), 0.0)
