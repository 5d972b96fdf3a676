"""Names beside points, put where they hide least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag_router.eval.report.plots.canvas import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["place_labels"]

_ROOM: Final = 8.0
"""Points between a mark and its name."""

# Sides of a mark in order of preference, as (x, y) directions.
_SIDES: Final = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


class _Box(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float

    def holds(self, points: NDArray[np.float64]) -> int:
        x, y = points[:, 0], points[:, 1]
        inside = (x > self.left) & (x < self.right) & (y > self.bottom) & (y < self.top)
        return int(inside.sum())

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )


def place_labels(
    sheet: Canvas,
    axes: Axes,
    marks: Sequence[tuple[str, float, float]],
    *,
    avoid: Sequence[tuple[Sequence[float], Sequence[float]]] = (),
) -> None:
    """Write the name of each mark beside it, clear of other names, marks and curves if possible.

    Args:
        sheet: The figure, complete but for these names; its layout is settled here.
        axes: Where the marks stand.
        marks: Name and place of each, in the axes' own units.
        avoid: Curves as (x, y) that names should not cover.
    """
    if not marks:
        return
    if (engine := sheet.get_layout_engine()) is not None:
        engine.execute(sheet)
        # From here on nothing moves any more, or the names would be left behind.
        sheet.set_layout_engine("none")
    to_pixels = axes.transData.transform
    pixels_per_point = sheet.dpi / 72
    places = to_pixels([(x, y) for _, x, y in marks])
    curves = [_dense(to_pixels(np.column_stack(curve))) for curve in avoid if len(curve[0])]
    obstacles = np.concatenate([places, *curves])
    frame = _Box(*axes.get_window_extent().extents)
    taken: list[_Box] = []
    for (name, x, y), place in zip(marks, places, strict=True):
        text = axes.annotate(
            label(name),
            (x, y),
            xytext=(0, 0),
            textcoords="offset points",
            fontweight="bold",
            annotation_clip=False,
            zorder=5,
        )
        text.set_in_layout(False)
        extent = text.get_window_extent()
        options = []
        for side in _SIDES:
            box = _beside(place, side, extent.width, extent.height, _ROOM * pixels_per_point)
            outside = box.left < frame.left or box.right > frame.right
            outside |= box.bottom < frame.bottom or box.top > frame.top
            hidden = 100 * outside + 50 * sum(box.meets(other) for other in taken)
            options.append((hidden + box.holds(obstacles), box))
        _, best = min(options, key=lambda option: option[0])
        taken.append(best)
        offset = (np.array([best.left, best.bottom]) - place) / pixels_per_point
        # The anchor is the baseline, the box begins at the descenders.
        rise = (place[1] - extent.y0) / pixels_per_point
        text.set_position((float(offset[0]), float(offset[1] + rise)))


def _beside(
    place: NDArray[np.float64], side: tuple[int, int], width: float, height: float, room: float
) -> _Box:
    x, y = place
    across, up = side
    reach = room if 0 in side else 0.7 * room
    left = x - width / 2 + across * (width / 2 + reach)
    bottom = y - height / 2 + up * (height / 2 + reach)
    return _Box(left, bottom, left + width, bottom + height)


def _dense(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points along a line, so close that no name fits between two of them unseen."""
    if len(points) < 2:
        return points
    steps = max(1, 400 // (len(points) - 1))
    along = np.arange((len(points) - 1) * steps + 1) / steps
    index = np.arange(len(points))
    return np.column_stack([np.interp(along, index, points[:, axis]) for axis in (0, 1)])
