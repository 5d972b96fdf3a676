"""From a stated risk to a threshold: at most so many wrong ones among what is answered.

Learn then Test (Angelopoulos et al. 2021, arXiv 2110.01052), with selective risk as in Geifman and
El-Yaniv 2017 (arXiv 1705.08500). Of the answers at or above a threshold t, n are known and k of
them were wrong. Were a share of more than `risk` wrong, so few would be with probability

    p(t) = P(Bin(n, risk) <= k)

at most. Thresholds are tested in an order that was fixed before the testing outcomes were looked
at, one after another, each at level 1 - `confidence`, until one fails (fixed-sequence testing): so
that with probability `confidence` over the testing outcomes no threshold that passes has a higher
risk. What order is good is learned from other outcomes; a bad one costs answers and no guarantee.

The guarantee holds for questions exchangeable with the testing ones, and for no others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.errors import DataError

__all__ = ["NEVER", "Outcomes", "binomial_tail", "threshold_within"]

NEVER: Final = math.inf
"""A threshold that nothing reaches."""

_STEPS: Final = 40
"""Thresholds that are tried; more of them do not make the guarantee weaker."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """How sure answers were, and whether they were right.

    Attributes:
        p: P(right) that was stated, in [0, 1], shape (n,).
        right: Whether they were, bool, shape (n,).
    """

    p: NDArray[np.float64]
    right: NDArray[np.bool_]

    @classmethod
    def of(cls, p: ArrayLike, right: ArrayLike) -> Outcomes:
        """Put columns together.

        Raises:
            DataError: they differ in length, or a probability is none.
        """
        stated, known = np.asarray(p, dtype=np.float64), np.asarray(right, dtype=bool)
        if stated.shape != known.shape or stated.ndim != 1:
            raise DataError(f"{stated.shape} probabilities and {known.shape} outcomes.")
        if not ((stated >= 0) & (stated <= 1)).all():
            raise DataError("a probability is not in [0, 1].")
        return cls(stated, known)

    def above(self, threshold: float) -> tuple[int, int]:
        """How many reach a threshold, and how many of these were wrong."""
        answered = self.p >= threshold
        return int(answered.sum()), int((answered & ~self.right).sum())


def threshold_within(
    risk: float, ordering: Outcomes, testing: Outcomes, *, confidence: float = 0.9
) -> float:
    """Return the lowest threshold that keeps the share of wrong answers within a risk.

    Args:
        risk: Largest share of wrong ones among the answers given, in (0, 1).
        ordering: Outcomes that say which thresholds to try, and in what order.
        testing: Other outcomes, of the same kind of questions, which the guarantee comes from.
        confidence: Probability that the guarantee holds, in (0, 1).

    Returns:
        The threshold, in [0, 1]; `NEVER` where none keeps it, and nothing may be answered.
    """
    best = NEVER
    for threshold in _ordered(risk, ordering):
        answered, wrong = testing.above(threshold)
        if binomial_tail(wrong, answered, risk) > 1 - confidence:
            break
        best = min(best, threshold)
    return best


def binomial_tail(at_most: int, of: int, share: float) -> float:
    """P(Bin(of, share) <= at_most), in [0, 1].

    Args:
        at_most: Largest number counted, 0 to `of`.
        of: Number of draws, >= 0.
        share: Probability of each, in (0, 1).
    """
    # In logarithms: of a thousand draws the single terms are smaller than any float.
    logs = [
        math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
        + k * math.log(share) + (of - k) * math.log1p(-share)
        for k in range(at_most + 1)
    ]  # fmt: skip
    return min(math.fsum(math.exp(one) for one in logs), 1.0)


def _ordered(risk: float, known: Outcomes) -> list[float]:
    """Thresholds to try, those first that pass the most easily on what is known already."""
    if not len(known.p):
        return []
    steps = np.unique(np.quantile(known.p, np.linspace(0, 1, _STEPS + 1)[:-1])).tolist()
    tails = []
    for threshold in steps:
        answered, wrong = known.above(threshold)
        tails.append(binomial_tail(wrong, answered, risk))
    return [threshold for _, threshold in sorted(zip(tails, steps, strict=True))]
