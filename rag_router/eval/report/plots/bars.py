"""Groups of bars with intervals."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rag_router.eval.report.document import Bars
from rag_router.eval.report.plots.canvas import COLOURS, INK, PAPER, label, legend, tidy
from rag_router.eval.report.shown import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

__all__ = ["draw", "size"]

_ROOM_FOR_NUMBERS = 15
"""With more bars than this, their values are no longer written above them."""
_CROWDED = 8
_HATCHES = ("", "//", "..", "xx")


def size(figure: Bars) -> tuple[float, float]:
    """Width and height in inches."""
    return (7.0, 4.2 if len(figure.groups) <= _CROWDED else 4.8)


def draw(figure: Bars, sheet: Canvas) -> None:
    """Draw the bars from zero, and each interval as a line with two ends."""
    axes = sheet.add_subplot()
    count = max(1, len(figure.series))
    width = 0.8 / count
    handles = []
    tops: list[float] = [0.0]
    for at, one in enumerate(figure.series):
        shift = (at - (count - 1) / 2) * width
        there = [(g, v) for g, v in enumerate(one.values) if v is not None]
        handles.append(
            axes.bar(
                [g + shift for g, _ in there],
                [v for _, v in there],
                width=0.92 * width,
                color=COLOURS[at % len(COLOURS)],
                hatch=_HATCHES[(at // len(COLOURS)) % len(_HATCHES)],
                edgecolor=PAPER,
                linewidth=0.5,
            )
        )
        for g, value in there:
            low = one.lows[g] if one.lows else None
            high = one.highs[g] if one.highs else None
            top = value
            if low is not None and high is not None:
                axes.vlines(g + shift, low, high, color=INK, linewidth=1.1)
                axes.plot([g + shift] * 2, [low, high], "_", color=INK, markersize=5)
                top = max(value, high)
            tops.append(top)
            if count * len(figure.groups) <= _ROOM_FOR_NUMBERS:
                axes.annotate(
                    shown(value),
                    (g + shift, max(top, 0.0)),
                    xytext=(0, 3),
                    textcoords="offset points",
                    ha="center",
                    fontsize=8.5,
                )
    tidy(axes, "", figure.y_label)
    axes.tick_params(axis="x", length=0)
    _name_groups(figure, sheet)
    axes.set_ylim(top=1.1 * max(tops) or 1.0)
    if min(axes.get_ylim()) < 0:
        axes.axhline(0, color=INK, linewidth=0.8)
    if len(handles) > 1:
        legend(axes, handles, [one.name for one in figure.series])


def _name_groups(figure: Bars, sheet: Canvas) -> None:
    axes = sheet.axes[0]
    names = [label(group) for group in figure.groups]
    axes.set_xticks(range(len(names)))
    if len(names) > _CROWDED and max(map(len, names)) > 6:
        axes.set_xticklabels(names, rotation=35, ha="right", rotation_mode="anchor")
    else:
        room = max(6, 78 // max(1, len(names)))
        axes.set_xticklabels([textwrap.fill(name, room) for name in names])
