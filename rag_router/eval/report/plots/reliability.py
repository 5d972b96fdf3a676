"""Reliability diagrams: how often it was right, against how sure it was.

One panel for each curve, since curves that lie on each other near the diagonal cannot be read.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rag_router.eval.report.document import Reliability, ReliabilityCurve
from rag_router.eval.report.plots.canvas import COLOURS, MUTED, PAPER, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["draw", "size"]

_TICKS = (0, 0.25, 0.5, 0.75, 1)
_HIGHEST = 0.2
"""Height of the tallest bar of the histogram at the foot of a panel."""


def size(figure: Reliability) -> tuple[float, float]:
    """Width and height in inches."""
    rows, columns = _grid(figure)
    return (4.6, 4.6) if columns == 1 else (7.0, rows * 7.0 / columns + 0.35)


def draw(figure: Reliability, sheet: Canvas) -> None:
    """Draw one panel for each curve; they share their axes."""
    if not figure.curves:
        return
    rows, columns = _grid(figure)
    sheet.set_layout_engine("compressed")
    panels = sheet.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    flat = list(panels.flat)
    for at, (axes, curve) in enumerate(zip(flat, figure.curves, strict=False)):
        _panel(axes, curve, COLOURS[at % len(COLOURS)])
        # The panel above an empty place has no neighbour to borrow its ticks from.
        axes.tick_params(labelbottom=at + columns >= len(figure.curves))
    for axes in flat[len(figure.curves) :]:
        axes.set_axis_off()
    sheet.supxlabel("Stated probability (bars: share of the questions)", fontsize=10)
    sheet.supylabel("Share that was right", fontsize=10)


def _grid(figure: Reliability) -> tuple[int, int]:
    count = max(1, len(figure.curves))
    columns = count if count <= 3 else 2 if count == 4 else 3
    return math.ceil(count / columns), columns


def _panel(axes: Axes, curve: ReliabilityCurve, colour: str) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
    most = max(curve.count, default=1)
    axes.bar(
        curve.confidence,
        [_HIGHEST * count / most for count in curve.count],
        width=0.035,
        color=colour,
        alpha=0.3,
        linewidth=0,
    )
    axes.plot(curve.confidence, curve.accuracy, color=colour)
    axes.scatter(
        curve.confidence,
        curve.accuracy,
        s=[20 + 70 * count / most for count in curve.count],
        color=colour,
        edgecolors=PAPER,
        zorder=3,
    )
    axes.set_title(label(curve.name, 24), fontsize=10, loc="left")
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    axes.set_xticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
    axes.set_yticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
    axes.tick_params(length=3)
