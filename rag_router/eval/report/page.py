"""A report as one page that needs nothing else: no network, no other file, no server.

Questions and answers come from outside. They stand in the page as JSON in which nothing can end
a script, and reach the reader as text content; everything else is escaped by the template. The
content security policy names the page's one style and one script by their hashes, so that nothing
else would run or load even if it got in.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from importlib import resources
from typing import Any, Final

from rag_router.eval.report.document import Report
from rag_router.eval.report.figure_table import table_of
from rag_router.eval.report.glossary import KINDS, term
from rag_router.eval.report.headlines import headlines
from rag_router.eval.report.plots import svg_of
from rag_router.eval.report.shown import shown

__all__ = ["embedded", "page_of"]

_UTC: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

# What could end a script or begin markup, line ends that JavaScript once knew and JSON does not,
# and surrogates, which UTF-8 cannot write.
_ESCAPED: Final = re.compile("[<>&\u2028\u2029\x7f-\x9f\ud800-\udfff]")


def page_of(report: Report) -> str:
    """Return the page as HTML."""
    from jinja2 import Environment, StrictUndefined

    # Not a loader: three files of this package are all that is ever read.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"shown": shown, "exact": _exact}
    environment.tests |= {"numeric": _is_numeric}
    columns = report.columns
    style, script = _file("page.css"), _file("page.js")
    figures = [
        {"title": one.title, "svg": svg_of(one, name=f"figure-{at}"), "table": table_of(one)}
        for at, one in enumerate(report.figures, start=1)
    ]
    html = environment.from_string(_file("page.html")).render(
        report=report,
        about=KINDS[report.kind],
        measured=_when(report.manifest.get("date")),
        headlines=headlines(report.kind, report.summary),
        figures=figures,
        term=term,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        rows=embedded(
            {
                "columns": columns,
                "flags": report.flags,
                "rows": [[row.get(key) for key in columns] for row in report.questions],
            }
        ),
    )
    return html if html.endswith("\n") else html + "\n"


def embedded(value: Any) -> str:
    r"""Write JSON that can stand inside a script element: "<" becomes "\u003c", and so on."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _when(date: object) -> str:
    """An ISO time in UTC as people write it; anything else as it is, None as nothing."""
    text = str(date or "")
    return f"{text[:10]} at {text[11:16]} UTC" if _UTC.fullmatch(text) else text


def _is_numeric(value: object) -> bool:
    return isinstance(value, int | float | tuple) and not isinstance(value, bool)


def _exact(value: object) -> str:
    """The value in full, for machines and for the curious."""
    return json.dumps(value)
