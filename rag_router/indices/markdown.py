"""Markdown: a document's title, and its sections with the headings that lead to them.

Only headings that begin with `#` count; those inside fenced code are code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag_router.indices.documents import Section

__all__ = ["read_markdown"]

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def read_markdown(text: str, fallback: str) -> tuple[str, tuple[Section, ...]]:
    """Return the title and the sections of a text, blank sections left out.

    Args:
        text: The whole document, its lines ended by a newline character alone.
        fallback: The title of a document without a heading of the first level.
    """
    headings = _headings(text)
    first = next((h for h in headings if h.level == 1), None)
    title = first.text if first else fallback
    sections = []
    path: list[_Heading] = []
    start = 0
    for heading in [*headings, None]:
        body = text[start : heading.start if heading else len(text)]
        if body.strip():
            names = [h.text for h in path if h is not first]
            sections.append(Section(title=" > ".join([title, *names]), text=body, start=start))
        if heading:
            path = [h for h in path if h.level < heading.level] + [heading]
            start = heading.end
    return title, tuple(sections)


@dataclass(frozen=True, slots=True)
class _Heading:
    level: int
    text: str
    start: int
    end: int


def _headings(text: str) -> list[_Heading]:
    found = []
    fence = ""
    start = 0
    for line in text.split("\n"):
        end = min(start + len(line) + 1, len(text))
        mark = _FENCE.match(line)
        if fence:
            # A fence ends with at least as many of the same marks, and nothing behind them.
            if mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
                fence = ""
        elif mark:
            fence = mark[1]
        elif (match := _HEADING.match(line)) and match[2]:
            found.append(_Heading(len(match[1]), match[2], start, end))
        start = end
    return found
