"""How sure a figure is: the bootstrap over questions.

Efron's percentile interval (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter
13): draw as many questions as there are, with replacement, many times, and look where the figure
falls. Two methods are compared on the same draws, since both answered the same questions.

A draw is a row of counts, how often each question was drawn. A figure is a function of such
weights (`weighted.py`), so that even a rank statistic is sorted once and not ten thousand times.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.errors import DataError, SettingsError
from rag_router.eval.metrics.weighted import Statistic, auroc_of, mean_of

__all__ = ["Bootstrap", "Difference", "Interval"]

_CELLS = 500_000
"""Counts in one block of draws; some ten arrays of that size exist at a time, 40 MB."""

_ROUNDING = 1e-12
"""A gain smaller than this is none: two sums of equal numbers differ in the last bits."""

_DEFINED = 0.95
"""Least share of draws in which a figure has to exist; about three questions of each class."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and where it probably lies.

    Attributes:
        value: On the questions as they are.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference(Interval):
    """A figure of ours minus the same of theirs, on the same questions.

    Attributes:
        p_value: How often a draw shows no gain, (1 + draws with a difference <= 0) / (1 + draws):
            small means that ours is better.
    """

    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """Draws questions with replacement, the same ones for the same seed.

    Every method takes `strata`, one label per question such as the name of its data set: then each
    draw holds as many questions of every label as there are.

    Args:
        resamples: Number of draws, >= 1.
        level: Share of draws inside the interval, in (0, 1).
        seed: Of the draws.

    Raises:
        SettingsError: an argument is out of range.
    """

    resamples: int = 10_000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resamples < 1 or not 0 < self.level < 1:
            raise SettingsError(
                f"a bootstrap of {self.resamples} draws at level {self.level}.",
                hint="Use at least one draw (10,000 are usual) and a level such as 0.95.",
            )

    def mean(self, values: ArrayLike, *, strata: Sequence[Hashable] | None = None) -> Interval:
        """Return the interval of a mean.

        Raises:
            DataError: there are no values, one is NaN, or `strata` has another length.
        """
        statistic = mean_of(values)
        return self.interval(statistic, strata=strata)

    def mean_difference(
        self, ours: ArrayLike, theirs: ArrayLike, *, strata: Sequence[Hashable] | None = None
    ) -> Difference:
        """Return the interval of the difference of two means over the same questions.

        Raises:
            DataError: as for `mean`, or the two have different lengths.
        """
        return self.difference(mean_of(ours), mean_of(theirs), strata=strata)

    def auroc(
        self, scores: ArrayLike, right: ArrayLike, *, strata: Sequence[Hashable] | None = None
    ) -> Interval:
        """Return the interval of an AUROC.

        Raises:
            DataError: as for `interval`, or only one class is there.
        """
        return self.interval(auroc_of(scores, right), strata=strata)

    def auroc_difference(
        self,
        ours: ArrayLike,
        theirs: ArrayLike,
        right: ArrayLike,
        *,
        strata: Sequence[Hashable] | None = None,
    ) -> Difference:
        """Return the interval of the difference of two AUROCs on the same outcomes.

        Raises:
            DataError: as for `interval`, or only one class is there.
        """
        return self.difference(auroc_of(ours, right), auroc_of(theirs, right), strata=strata)

    def interval(
        self, statistic: Statistic, *, strata: Sequence[Hashable] | None = None
    ) -> Interval:
        """Return the interval of any weighted figure.

        Draws in which the figure does not exist, such as AUROC without a wrong answer, are left
        out.

        Raises:
            DataError: it does not exist in more than one draw of twenty.
        """
        whole = statistic(np.ones((1, statistic.n)))
        drawn = [statistic(counts) for counts in self._draws(statistic.n, strata)]
        low, high = self._ends(np.concatenate(drawn))
        return Interval(value=float(whole[0]), low=low, high=high)

    def difference(
        self, ours: Statistic, theirs: Statistic, *, strata: Sequence[Hashable] | None = None
    ) -> Difference:
        """Return the interval of ours minus theirs, both on the same draws.

        Raises:
            DataError: as for `interval`, or they are figures of different numbers of questions.
        """
        if ours.n != theirs.n:
            raise DataError(
                f"ours has {ours.n} questions and theirs {theirs.n}.",
                hint="Compare on the same questions, in the same order.",
            )
        whole = np.ones((1, ours.n))
        drawn = np.concatenate([ours(c) - theirs(c) for c in self._draws(ours.n, strata)])
        low, high = self._ends(drawn)
        kept = drawn[np.isfinite(drawn)]
        return Difference(
            value=float((ours(whole) - theirs(whole))[0]),
            low=low,
            high=high,
            p_value=float((1 + (kept <= _ROUNDING).sum()) / (1 + len(kept))),
        )

    def _draws(self, n: int, strata: Sequence[Hashable] | None) -> Iterator[NDArray[np.float64]]:
        """Blocks of counts, shape (draws, n), each row summing to n."""
        order, starts, sizes = _strata(n, strata)
        random = np.random.default_rng(self.seed)
        rows = max(1, _CELLS // n)
        for done in range(0, self.resamples, rows):
            size = min(rows, self.resamples - done)
            # A uniform number below 1 picks a place inside its stratum: 1 - 2**-53 times the size
            # still rounds below the size.
            places = starts + (random.random((size, n)) * sizes).astype(np.int64)
            cells = order[places] + n * np.arange(size)[:, None]
            counts = np.bincount(cells.ravel(), minlength=size * n)
            yield counts.reshape(size, n).astype(np.float64)

    def _ends(self, drawn: NDArray[np.float64]) -> tuple[float, float]:
        kept = drawn[np.isfinite(drawn)]
        if len(kept) < _DEFINED * len(drawn):
            raise DataError(
                f"the figure exists in only {len(kept)} of {len(drawn)} draws.",
                hint="It takes about three questions of each class, better thirty.",
            )
        tail = (1 - self.level) / 2
        low, high = np.quantile(kept, [tail, 1 - tail])
        return float(low), float(high)


def _strata(
    n: int, strata: Sequence[Hashable] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Questions in order of stratum, and for each place its stratum's start and size."""
    if strata is None:
        return np.arange(n), np.zeros(n, dtype=np.int64), np.full(n, n)
    if len(strata) != n:
        raise DataError(f"{len(strata)} strata for {n} questions.", hint="Give one per question.")
    numbers: dict[Hashable, int] = {}
    group = np.array([numbers.setdefault(label, len(numbers)) for label in strata])
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group)
    starts = np.cumsum(sizes) - sizes
    return order, starts[group[order]], sizes[group[order]]
