"""Empirical distributions: which share of the values is at most x."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag_router.eval.report.document import Distribution
from rag_router.eval.report.plots.canvas import COLOURS, DASHES, MUTED, legend, legend_height, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

__all__ = ["draw", "size"]

_MOST = 400
"""Steps that are drawn of a sample; more would not be seen."""
_WIDE = 30
"""From this ratio of the largest to the smallest value on, the axis is logarithmic."""


def size(figure: Distribution) -> tuple[float, float]:
    """Width and height in inches."""
    return (7.0, 4.0 + legend_height([sample.name for sample in figure.series]))


def draw(figure: Distribution, sheet: Canvas) -> None:
    """Draw one rising line for each sample, with lines where the median and p95 are read."""
    from matplotlib.ticker import LogLocator

    axes = sheet.add_subplot()
    samples = [sample for sample in figure.series if sample.values]
    handles = []
    for at, sample in enumerate(samples):
        x, y = _steps(np.sort(np.asarray(sample.values, dtype=np.float64)))
        (line,) = axes.plot(
            x,
            y,
            color=COLOURS[at % len(COLOURS)],
            linestyle=DASHES[(at // len(COLOURS)) % len(DASHES)],
            drawstyle="steps-post",
        )
        handles.append(line)
    everything = [value for sample in samples for value in sample.values]
    if everything and min(everything) > 0 and max(everything) >= _WIDE * min(everything):
        axes.set_xscale("log", subs=())
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:,g}")
    for height, name in ((0.5, "median"), (0.95, "95 %")):
        axes.axhline(height, color=MUTED, linewidth=0.9, linestyle=":")
        axes.annotate(
            name,
            (0, height),
            xycoords=("axes fraction", "data"),
            xytext=(4, 2),
            textcoords="offset points",
            color=MUTED,
            fontsize=8.5,
        )
    tidy(axes, figure.x_label, "Share of questions at or below", grid="both")
    axes.set_ylim(0, 1.03)
    if handles:
        legend(axes, handles, [sample.name for sample in samples])


def _steps(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners of the distribution: from 0 at the smallest value to 1 at the largest."""
    rank = np.arange(1, len(values) + 1)
    if len(values) > _MOST:
        kept = np.unique(np.linspace(0, len(values) - 1, _MOST).round().astype(int))
        values, rank = values[kept], rank[kept]
    share = rank / rank[-1]
    return np.concatenate([values[:1], values]), np.concatenate([[0.0], share])
