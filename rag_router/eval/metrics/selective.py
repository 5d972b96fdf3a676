"""What is left to err when only the surest answers are given.

Risk against coverage and the area under it, AURC, with what exceeds the best possible order,
E-AURC: Geifman, Uziel and El-Yaniv 2019 (arXiv 1805.08206). Equal confidences have no order; every
figure here is the mean over all orders of theirs, so that none depends on the order of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.errors import DataError
from rag_router.eval.metrics.columns import figures, same_length, shares

__all__ = ["RiskCoverage", "aurc", "excess_aurc", "risk_coverage", "selective_accuracy"]


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """Share of wrong answers among the surest, for every number of them.

    Attributes:
        coverage: 1/n, 2/n, .. 1: the share that is answered, shape (n,).
        risk: Of those, the share that is wrong, shape (n,).
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]

    @property
    def area(self) -> float:
        """AURC: the mean risk over all coverages, in [0, 1]."""
        return float(self.risk.mean())


def risk_coverage(confidence: ArrayLike, right: ArrayLike) -> RiskCoverage:
    """Answer the surest first and watch the share of wrong ones.

    Args:
        confidence: Higher is surer; any scale, shape (n,).
        right: How right each answer is, in [0, 1], shape (n,).

    Raises:
        DataError: unequal lengths, nothing, or numbers out of range.
    """
    gained = _right_among_the_surest(confidence, right)
    taken = np.arange(1, len(gained) + 1)
    return RiskCoverage(coverage=taken / len(gained), risk=np.maximum(0, 1 - gained / taken))


def aurc(confidence: ArrayLike, right: ArrayLike) -> float:
    """Area under the risk-coverage curve, in [0, 1]; lower is better."""
    return risk_coverage(confidence, right).area


def excess_aurc(confidence: ArrayLike, right: ArrayLike) -> float:
    """AURC above that of the best order, in which all right answers come first; >= 0."""
    # Being right is the best confidence there is.
    return max(0.0, aurc(confidence, right) - aurc(right, right))


def selective_accuracy(confidence: ArrayLike, right: ArrayLike, coverage: float) -> float:
    """Share of right answers among the surest ones.

    Args:
        confidence: Higher is surer.
        right: How right each answer is, in [0, 1].
        coverage: The share that is answered, in (0, 1]. Where it ends inside a question, that
            question counts in part.

    Raises:
        DataError: as for `risk_coverage`, or the coverage is out of range.
    """
    if not 0 < coverage <= 1:
        raise DataError(f"coverage is {coverage}.", hint="Use a share above 0, up to 1.")
    gained = np.concatenate([[0.0], _right_among_the_surest(confidence, right)])
    taken = coverage * (len(gained) - 1)
    return float(np.interp(taken, np.arange(len(gained)), gained) / taken)


def _right_among_the_surest(confidence: ArrayLike, right: ArrayLike) -> NDArray[np.float64]:
    """Expected number of right answers among the 1, 2, .. n surest."""
    score, outcome = figures("confidences", confidence), shares("outcomes", right)
    n = same_length(confidences=score, outcomes=outcome)
    group = np.unique(-score, return_inverse=True)[1]
    sizes = np.bincount(group)
    # Ends of groups are exact; inside a group each place expects its mean.
    ends = np.concatenate([[0], np.cumsum(sizes)])
    totals = np.concatenate([[0.0], np.cumsum(np.bincount(group, weights=outcome))])
    return np.asarray(np.interp(np.arange(1, n + 1), ends, totals))
