"""Figures as SVG for the page and as PNG for everything else.

The same figure is the same bytes every time. Pictures hold names that come from outside, which
are drawn as they are: nothing in them is read as mathematics or markup.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from rag_router.eval.report.document import Bars, Distribution, Figure, Lines, Reliability
from rag_router.eval.report.plots import bars, canvas, distribution, lines, reliability
from rag_router.eval.report.plots.svg import inlined

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

__all__ = ["png_of", "svg_of"]

_Size = Callable[[Any], tuple[float, float]]
_Draw = Callable[[Any, "Canvas"], None]

_DRAW: Final[dict[type, tuple[_Size, _Draw]]] = {
    Lines: (lines.size, lines.draw),
    Bars: (bars.size, bars.draw),
    Reliability: (reliability.size, reliability.draw),
    Distribution: (distribution.size, distribution.draw),
}


def svg_of(figure: Figure, *, name: str) -> str:
    """Draw a figure as an `<svg>` element without its title, which a page says in words.

    Args:
        figure: What to draw.
        name: Prefix of all ids inside, so that several pictures can stand on one page.
    """
    return inlined(_drawn(figure, "svg", title=False), name=name, title=figure.title)


def png_of(figure: Figure) -> bytes:
    """Draw a figure as a PNG file, with its title."""
    return _drawn(figure, "png", title=True)


def _drawn(figure: Figure, form: canvas.Form, *, title: bool) -> bytes:
    size, draw = _DRAW[type(figure)]
    return canvas.drawn(
        lambda sheet: draw(figure, sheet),
        size=size(figure),
        form=form,
        title=figure.title if title else "",
    )
