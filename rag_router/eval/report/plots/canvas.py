"""The sheet that every figure is drawn on: colours, type, and how it becomes a file.

The colours of the curves are those of Okabe and Ito, which people with any kind of colour vision
can tell apart (jfly.uni-koeln.de/color); line styles and markers repeat what the colours say.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from rag_router.text import without_hidden

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = [
    "COLOURS",
    "DASHES",
    "GRID",
    "INK",
    "MARKERS",
    "MUTED",
    "PAPER",
    "Form",
    "drawn",
    "label",
    "legend",
    "legend_height",
    "tidy",
]

Form = Literal["svg", "png"]

INK, MUTED, GRID, PAPER = "#1f2328", "#59636e", "#dfe3e8", "#ffffff"
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES: Final = ("-", "--", "-.", ":")
MARKERS: Final = ("o", "s", "^", "D", "v", "P")

_STYLE: Final[dict[str, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": PAPER,
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.facecolor": PAPER,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.borderaxespad": 0.0,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "path.simplify_threshold": 0.4,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "rag_router",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}
_DPI: Final = 160
_NEVER_TEXT: Final = re.compile("[\ufffe\uffff]")  # which XML has no place for
_LONGEST: Final = 40
_LINE: Final = 105
"""Characters that fit beside each other over axes of seven inches."""


def drawn(
    draw: Callable[[Canvas], None], *, size: tuple[float, float], form: Form, title: str = ""
) -> bytes:
    """Draw on a fresh sheet and return the file.

    Args:
        draw: Puts axes on the sheet.
        size: Width and height in inches.
        form: What to return.
        title: Drawn above everything; empty for none.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    # The settings of whoever runs the evaluation must not change what a report looks like.
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A script that the font lacks is drawn as boxes in the PNG; the SVG keeps its text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        matplotlib.rcdefaults()
        settings: Any = matplotlib.rcParams  # whose keys newer versions type, and older ones do not
        settings.update(_STYLE)
        extra = 0.3 if title else 0.0
        sheet = Canvas(figsize=(size[0], size[1] + extra), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(sheet)
        if title:
            sheet.suptitle(label(title, 90), x=0.01, ha="left", fontsize=11.5, fontweight="bold")
        draw(sheet)
        if not sheet.axes:
            sheet.text(0.5, 0.5, "nothing to show", ha="center", va="center", color=MUTED)
        file = io.BytesIO()
        nothing = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        sheet.savefig(file, format=form, metadata=nothing)
        return file.getvalue()


def label(text: str, longest: int = _LONGEST) -> str:
    """Make any text fit for one line of a picture."""
    line = " ".join(_NEVER_TEXT.sub("", without_hidden(text)).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def legend(axes: Axes, handles: list[Any], names: list[str]) -> None:
    """Put names above the axes, in as many columns as fit."""
    # Names that begin with "_" would be left out; a space in front makes them names again.
    texts = [f" {text}" if text.startswith("_") else text for text in map(label, names)]
    axes.legend(
        handles,
        texts,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.02),
        ncols=_columns(texts),
        columnspacing=1.6,
    )


def legend_height(names: Sequence[str]) -> float:
    """Inches that a legend takes away from the axes below it."""
    return 0.19 * math.ceil(len(names) / _columns(names)) if names else 0.0


def _columns(names: Sequence[str]) -> int:
    widest = max(len(label(name)) for name in names) + 7
    return max(1, min(len(names), _LINE // widest))


def tidy(axes: Axes, x_label: str, y_label: str, grid: Literal["both", "x", "y"] = "y") -> None:
    """Name the axes and keep only the grid lines that help."""
    axes.set_xlabel(label(x_label, 80))
    axes.set_ylabel(label(y_label, 60))
    axes.grid(visible=False)
    axes.grid(visible=True, axis=grid)
    axes.tick_params(length=3)
