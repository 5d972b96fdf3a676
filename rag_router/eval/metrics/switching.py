"""What is gained as more and more questions are handed to the dearer way of answering.

The dearer way may be retrieval instead of memory, or a strong model instead of a weak one. The
questions are handed over in the order of a score; equal scores go together, and between two points
lie the policies that choose among equals at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.eval.metrics.columns import figures, same_length, shares

__all__ = ["SwitchCurve", "switch_curve"]

ROUNDING = 1e-12
"""Two accuracies closer than this are equal: sums in another order differ in the last bits."""


@dataclass(frozen=True, slots=True, eq=False)
class SwitchCurve:
    """Accuracy for every threshold, from nobody handed over to everybody; shapes (points,).

    Attributes:
        thresholds: A question is handed over if its score lies below; the last is infinity.
        shares: Share of questions handed over, rising from 0 to 1.
        accuracies: Mean accuracy over all questions, in [0, 1].
    """

    thresholds: NDArray[np.float64]
    shares: NDArray[np.float64]
    accuracies: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Mean accuracy over all shares, in [0, 1]."""
        heights = (self.accuracies[1:] + self.accuracies[:-1]) / 2
        return float(np.diff(self.shares) @ heights)

    def at(self, share: float) -> float:
        """Accuracy with that share of questions handed over, in [0, 1]."""
        return float(np.interp(share, self.shares, self.accuracies))

    def share_needed(self, accuracy: float) -> float | None:
        """Least share that reaches an accuracy; None where none does.

        More questions handed over may lower the accuracy again; the first time counts.
        """
        reached = np.flatnonzero(self.accuracies >= accuracy - ROUNDING)
        if not len(reached):
            return None
        at = int(reached[0])
        if at == 0:
            return 0.0
        low, high = self.accuracies[at - 1], self.accuracies[at]
        part = min(1.0, (accuracy - low) / (high - low))
        return float(self.shares[at - 1] + part * (self.shares[at] - self.shares[at - 1]))


def switch_curve(keep: ArrayLike, before: ArrayLike, after: ArrayLike) -> SwitchCurve:
    """Hand questions over, those with the lowest score first.

    Args:
        keep: Score of each question; the lower, the sooner it is handed over. Shape (n,).
        before: How right each question is if it is kept, in [0, 1].
        after: How right it is if it is handed over, in [0, 1].

    Raises:
        DataError: unequal lengths, nothing, or numbers out of range.
    """
    score, kept, handed = figures("scores", keep), shares("kept", before), shares("handed", after)
    n = same_length(scores=score, kept=kept, handed=handed)
    values, group = np.unique(score, return_inverse=True)
    sizes = np.cumsum(np.bincount(group))
    gains = np.cumsum(np.bincount(group, weights=handed - kept))
    return SwitchCurve(
        thresholds=np.append(values, np.inf),
        shares=np.append(0, sizes) / n,
        accuracies=np.clip((kept.sum() + np.append(0, gains)) / n, 0, 1),
    )
