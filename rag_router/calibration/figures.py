"""How good scores and probabilities are: ranking, distance, calibration.

AUROC is the probability that a right one outscores a wrong one (Hanley and McNeil 1982, doi
10.1148/radiology.143.1.7063747); the expected calibration error takes bins of equal mass (Nixon
et al. 2019, arXiv 1904.01685).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rag_router.errors import DataError

__all__ = ["auroc", "brier_score", "expected_calibration_error"]


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Probability that a right one outscores a wrong one, ties counting half.

    Raises:
        DataError: only one class is there.
    """
    y = np.asarray(labels, dtype=bool)
    x = np.asarray(scores, dtype=np.float64)
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives:
        raise DataError(f"AUROC needs both classes; saw {positives} and {negatives}.")
    order = np.unique(x, return_inverse=True)[1]
    counts = np.bincount(order)
    # Midrank of a tie group: everything below it, plus half of itself.
    midrank = np.cumsum(counts) - (counts - 1) / 2
    return float(
        (midrank[order][y].sum() - positives * (positives + 1) / 2) / positives / negatives
    )


def brier_score(p: ArrayLike, labels: ArrayLike) -> float:
    """Mean squared distance between probability and outcome, in [0, 1]."""
    return float(np.mean((np.asarray(p, dtype=np.float64) - np.asarray(labels, dtype=float)) ** 2))


def expected_calibration_error(p: ArrayLike, labels: ArrayLike, *, bins: int = 10) -> float:
    """Mean |accuracy - confidence| over bins of equal mass, in [0, 1]."""
    probability = np.asarray(p, dtype=np.float64)
    outcome = np.asarray(labels, dtype=np.float64)
    parts = np.array_split(np.argsort(probability, kind="stable"), bins)
    gaps = [abs(outcome[i].mean() - probability[i].mean()) * len(i) for i in parts if len(i)]
    return float(sum(gaps) / len(probability))
