"""TREC topics: the classic tagged form, and one `id <tab> text` a line.

    <top>
    <num> Number: 301
    <title> International Organized Crime
    <desc> Description:
    Identify organizations that participate in international criminal activity.
    </top>

Tags may be closed or not, and texts may span lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rag_router.errors import DataError
from rag_router.eval.readers.head import Head, read_head
from rag_router.eval.readers.lines import read_lines
from rag_router.eval.readers.row import Row, Seen
from rag_router.types import Question

__all__ = ["LAYOUT", "is_trec", "read_topics"]

LAYOUT: Final = (
    "Topics are <top> <num> Number: 301 <title> … </top>, or tab-separated lines of id and text."
)
_EDGE: Final = re.compile(r"(</?top>)", re.IGNORECASE)
# Early topics have more tags, such as <dom>, each at the start of a line.
_TAG: Final = re.compile(r"<(num|title|desc|narr)>|^\s*<([a-z]+)>", re.IGNORECASE | re.MULTILINE)
_END: Final = re.compile(r"</[a-z]+>", re.IGNORECASE)
_LABELS: Final = {
    "num": re.compile(r"number\s*:", re.IGNORECASE),
    "title": re.compile(r"topic\s*:", re.IGNORECASE),
    "desc": re.compile(r"description\s*:", re.IGNORECASE),
    "narr": re.compile(r"narrative\s*:", re.IGNORECASE),
}


def read_topics(path: Path) -> Iterator[Question]:
    """Yield the topics of a file in order; the title is the question.

    `description` and `narrative` stand in `meta`.

    Raises:
        DataError: a topic is broken, or a number stands twice.
    """
    seen = Seen()
    tagged = read_head(path).line.startswith("<")
    for row in _tagged(path) if tagged else _separated(path):
        notes = {"description": row.optional_text("desc"), "narrative": row.optional_text("narr")}
        meta = {key: text for key, text in notes.items() if text}
        question = Question(id=row.identifier("num"), text=row.text("title"), meta=meta)
        yield seen.once(question, row.place)


def is_trec(head: Head) -> bool:
    """Whether the first line opens a topic, or is an id and a text with one tab between."""
    tabbed = head.suffix not in {".json", ".jsonl"} and head.line.count("\t") == 1
    return head.line.lower().startswith("<top>") or (tabbed and not head.keys)


def _separated(path: Path) -> Iterator[Row]:
    for number, line in read_lines(path):
        cells = line.split("\t")
        if len(cells) != 2:
            raise DataError(f"{path}:{number}: {len(cells)} columns instead of 2.", hint=LAYOUT)
        fields = {"num": cells[0].strip(), "title": cells[1].strip()}
        yield Row(f"{path}:{number}", fields, LAYOUT, number)


def _tagged(path: Path) -> Iterator[Row]:
    begun, lines = 0, list[str]()
    for number, line in read_lines(path):
        for piece in _EDGE.split(line):
            mark = piece.lower()
            if mark == "</top>" and begun:
                yield Row(f"{path}:{begun}", _fields("\n".join(lines)), LAYOUT, begun)
                begun, lines = 0, []
            elif mark == "<top>" and not begun:
                begun = number
            elif mark in {"<top>", "</top>"} or (piece.strip() and not begun):
                raise DataError(
                    f"{path}:{number}: {piece.strip()[:60]!r} is out of place.", hint=LAYOUT
                )
            else:
                lines.append(piece)
    if begun:
        raise DataError(f"{path}:{begun}: the topic is not closed.", hint=LAYOUT)


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    tags = list(_TAG.finditer(text))
    ends = [tag.start() for tag in tags[1:]] + [len(text)]
    for tag, end in zip(tags, ends, strict=True):
        name = (tag[1] or tag[2]).lower()
        if name in _LABELS:
            plain = _END.sub("", text[tag.end() : end]).strip()
            label = _LABELS[name].match(plain)
            fields.setdefault(name, " ".join(plain[label.end() if label else 0 :].split()))
    return fields
