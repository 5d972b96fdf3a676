"""The numbers behind a figure, as a table: for those who cannot see it or want them exact."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from rag_router.eval.report.document import (
    Bars,
    Distribution,
    Figure,
    Interval,
    Lines,
    Reliability,
    Table,
)

__all__ = ["table_of"]

_MOST: Final = 25
"""Points of a curve that are listed; of longer ones, so many evenly spaced."""

_SHARES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)

Rows = Iterator[tuple[Any, ...]]


def table_of(figure: Figure) -> Table:
    """Return the figure as a table of the same title."""
    columns, rows = _OF[type(figure)]
    return Table(figure.title, columns(figure), tuple(rows(figure)))


def _points(figure: Lines) -> Rows:
    for mark in figure.marks:
        yield mark.name, mark.x, mark.y
    for curve in figure.curves:
        for at in _spread(len(curve.x)):
            yield curve.name, curve.x[at], curve.y[at]


def _bars(figure: Bars) -> Rows:
    for at, group in enumerate(figure.groups):
        yield group, *(_with_ends(s.values, s.lows, s.highs, at) for s in figure.series)


def _bins(figure: Reliability) -> Rows:
    for curve in figure.curves:
        for bin_ in zip(curve.confidence, curve.accuracy, curve.count, strict=True):
            yield curve.name, *bin_


def _quantiles(figure: Distribution) -> Rows:
    for name, values in figure.series:
        if values:
            ordered = sorted(values)
            # Nearest rank: the smallest value that so large a share does not exceed.
            ranks = [math.ceil(share * len(ordered)) for share in _SHARES]
            yield name, len(ordered), *(ordered[rank - 1] for rank in ranks), ordered[-1]


def _spread(count: int) -> list[int]:
    if count <= _MOST:
        return list(range(count))
    return sorted({round(at * (count - 1) / (_MOST - 1)) for at in range(_MOST)})


def _with_ends(
    values: Sequence[float | None],
    lows: Sequence[float | None],
    highs: Sequence[float | None],
    at: int,
) -> Interval | float | None:
    value = values[at]
    low, high = (lows[at], highs[at]) if lows else (None, None)
    if value is None or low is None or high is None:
        return value
    return Interval(value, low, high)


_OF: Final[dict[type, tuple[Callable[[Any], tuple[str, ...]], Callable[[Any], Rows]]]] = {
    Lines: (lambda figure: ("Name", figure.x_label, figure.y_label), _points),
    Bars: (lambda figure: ("Group", *(one.name for one in figure.series)), _bars),
    Reliability: (lambda _: ("Name", "Stated probability", "Share right", "Questions"), _bins),
    Distribution: (
        lambda _: ("Name", "Values", "5 %", "25 %", "Median", "75 %", "95 %", "Largest"),
        _quantiles,
    ),
}
