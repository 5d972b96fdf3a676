"""PopQA: questions on entities of any popularity, as tab-separated values.

Mallen et al. 2023, arXiv 2212.10511.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rag_router.errors import DataError
from rag_router.eval.readers.head import Head
from rag_router.eval.readers.lines import read_lines
from rag_router.eval.readers.parsing import parse_json
from rag_router.eval.readers.row import Row, Seen
from rag_router.types import Question

__all__ = ["LAYOUT", "is_popqa", "read_popqa"]

LAYOUT: Final = (
    "Tab-separated with a header: id, question, possible_answers (a JSON list); "
    "other columns such as subj, prop, s_pop and o_pop join meta."
)
_LISTS: Final = ("possible_answers", "s_aliases", "o_aliases")
_NUMBERS: Final = ("s_pop", "o_pop")
"""Wikipedia page views a month."""


def read_popqa(path: Path) -> Iterator[Question]:
    """Yield the questions of a file in order.

    `s_pop` and `o_pop` in `meta` are whole numbers, aliases are lists, all else is text.

    Raises:
        DataError: a line is broken, a column is missing, or an id stands twice.
    """
    seen = Seen()
    header: list[str] | None = None
    for number, line in read_lines(path):
        place = f"{path}:{number}"
        cells = _cells(line, place)
        if header is None:
            header = _checked(cells, place)
            continue
        if len(cells) != len(header):
            raise DataError(
                f"{place}: {len(cells)} columns, but the header has {len(header)}.", hint=LAYOUT
            )
        fields = _read(dict(zip(header, cells, strict=True)), path, number)
        row = Row(place, fields, LAYOUT, number)
        question = Question(
            id=row.identifier("id"),
            text=row.text("question"),
            answers=row.texts("possible_answers"),
            meta=row.rest({"id", "question", "possible_answers"}),
        )
        yield seen.once(question, place)


def is_popqa(head: Head) -> bool:
    """Whether the first line names PopQA's columns."""
    return {"question", "possible_answers"} <= set(head.columns)


def _cells(line: str, place: str) -> list[str]:
    # No cell of PopQA spans lines, so each is parsed alone and an open quote harms one only.
    try:
        return next(csv.reader([line], delimiter="\t", strict=True))
    except csv.Error as exc:
        raise DataError(f"{place}: not tab-separated: {exc}.", hint=LAYOUT) from exc


def _checked(header: list[str], place: str) -> list[str]:
    missing = [name for name in ("id", "question", "possible_answers") if name not in header]
    if missing or len(set(header)) < len(header):
        reason = f"lacks the column {missing[0]!r}" if missing else "names a column twice"
        raise DataError(f"{place}: {reason}; saw {', '.join(header)[:200]}.", hint=LAYOUT)
    return header


def _read(cells: dict[str, str], path: Path, number: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, cell in cells.items():
        if name in _LISTS and cell:
            found[name] = parse_json(cell, path, number, LAYOUT)
        elif name in _NUMBERS and cell:
            try:
                found[name] = int(cell)
            except ValueError as exc:
                raise DataError(f"{path}:{number}: {name}: {exc}.", hint=LAYOUT) from exc
        elif cell:
            found[name] = cell
    return found
