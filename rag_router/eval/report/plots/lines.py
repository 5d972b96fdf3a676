"""Curves and marked points over two axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rag_router.eval.report.document import Lines
from rag_router.eval.report.plots.canvas import (
    COLOURS,
    DASHES,
    INK,
    MARKERS,
    PAPER,
    legend,
    legend_height,
    tidy,
)
from rag_router.eval.report.plots.labels import place_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

__all__ = ["draw", "size"]

_FEW = 25
"""Up to so many points, each is drawn as one."""


def size(figure: Lines) -> tuple[float, float]:
    """Width and height in inches."""
    return (7.0, 4.0 + legend_height([curve.name for curve in figure.curves]))


def draw(figure: Lines, sheet: Canvas) -> None:
    """Draw the curves, then the marks on top, each with its name beside it."""
    axes = sheet.add_subplot()
    handles = []
    for at, curve in enumerate(figure.curves):
        colour = COLOURS[at % len(COLOURS)]
        (line,) = axes.plot(
            curve.x,
            curve.y,
            color=colour,
            linestyle=DASHES[(at // len(COLOURS)) % len(DASHES)],
            marker=MARKERS[at % len(MARKERS)] if len(curve.x) <= _FEW else "",
            markersize=4.5,
        )
        handles.append(line)
    for at, mark in enumerate(figure.marks):
        axes.plot(
            mark.x,
            mark.y,
            color=INK,
            marker=MARKERS[(at + 1) % len(MARKERS)],
            markersize=8,
            markeredgecolor=PAPER,
            linestyle="",
            zorder=4,
        )
    tidy(axes, figure.x_label, figure.y_label, grid="both")
    _limit(axes.set_xlim, [*_all(figure, "x")], least=0.5)
    _limit(axes.set_ylim, [*_all(figure, "y")], least=0.1)
    if handles:
        legend(axes, handles, [curve.name for curve in figure.curves])
    place_labels(
        sheet,
        axes,
        [(mark.name, mark.x, mark.y) for mark in figure.marks],
        avoid=[(curve.x, curve.y) for curve in figure.curves],
    )


def _all(figure: Lines, axis: str) -> list[float]:
    curves = [value for curve in figure.curves for value in getattr(curve, axis)]
    return curves + [getattr(mark, axis) for mark in figure.marks]


def _limit(
    set_limits: Callable[[float, float], object], values: Sequence[float], least: float
) -> None:
    """Leave room around the values, and never blow a hair's breadth up to a mountain.

    Shares that span less than `least` are shown on an axis of that length.
    """
    if not values:
        return
    low, high = min(values), max(values)
    span = high - low
    if low >= 0 and high <= 1:
        missing = max(0.0, least - span)
        low = max(0.0, low - missing / 2)
        high = min(1.0, low + span + missing)
        span = high - low
    room = 0.06 * span or 0.5
    set_limits(low - room, high + room)
