"""Figures as functions of how much each question weighs.

With all weights 1 each is the plain figure; with the counts of a bootstrap draw it is the figure
of that draw. Many draws are taken at once, one a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.errors import DataError
from rag_router.eval.metrics.columns import figures, flags, same_length

__all__ = ["Statistic", "auroc_of", "mean_of", "ratio_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """A figure of n questions.

    Attributes:
        n: Number of questions.
        of: From weights >= 0 of shape (draws, n) to the figure of each draw, shape (draws,); NaN
            where it does not exist.
    """

    n: int
    of: Callable[[NDArray[np.float64]], NDArray[np.float64]]

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the figure of each row of weights."""
        return self.of(weights)


def mean_of(values: ArrayLike) -> Statistic:
    """Return the weighted mean.

    Raises:
        DataError: there are no values, or one is NaN or infinite.
    """
    column = figures("values", values)
    return Statistic(len(column), lambda weights: weights @ column / weights.sum(axis=1))


def ratio_of(above: ArrayLike, below: ArrayLike) -> Statistic:
    """Return the ratio of two means, such as exact match per prompt token.

    Raises:
        DataError: unequal lengths, no values, or one is NaN or infinite.
    """
    over, under = figures("numerators", above), figures("denominators", below)
    n = same_length(numerators=over, denominators=under)
    return Statistic(n, lambda weights: _divide(weights @ over, weights @ under))


def auroc_of(scores: ArrayLike, right: ArrayLike) -> Statistic:
    """Return the weighted AUROC: weight of pairs in the right order, ties counting half.

    Raises:
        DataError: the columns are broken, or only one class is there.
    """
    score, outcome = figures("scores", scores), flags("outcomes", right)
    n = same_length(scores=score, outcomes=outcome)
    if outcome.all() or not outcome.any():
        raise DataError(f"AUROC needs both classes; saw {int(outcome.sum())} right of {n}.")
    order = np.argsort(score)
    ranked = score[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    is_right = outcome[order]

    def of(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        ordered = weights[:, order]
        right_at = np.add.reduceat(ordered * is_right, starts, axis=1)
        wrong_at = np.add.reduceat(ordered * ~is_right, starts, axis=1)
        wrong_up_to = np.cumsum(wrong_at, axis=1)
        pairs = (right_at * (wrong_up_to - wrong_at / 2)).sum(axis=1)
        return _divide(pairs, right_at.sum(axis=1) * wrong_up_to[:, -1])

    return Statistic(n, of)


def _divide(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0)
