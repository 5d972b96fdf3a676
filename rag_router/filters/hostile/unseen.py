"""Stretches of markup that a browser does not show: comments, and elements styled away.

To hide text is no attack by itself, as manuals of HTML quote such markup; but what is said there
was written for machines, and the slightest word to one is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["unseen_spans"]

_STYLED: Final = re.compile(
    r"<(\w{1,20})\b[^<>]{0,400}?(?:"
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|"
    r"opacity\s*:\s*0(?:\.0\d*)?\s*(?:[;\"'}]|$)|"
    r"font-size\s*:\s*[01](?:\.\d+)?(?:px|pt|em|rem|%)?\s*[;\"'}]|\bhidden\b|"
    r"aria-hidden\s*=\s*[\"']?true|"
    r"(?<![-\w])color\s*[:=]\s*[\"']?\s*(?:white|#f{3}(?:f{3})?\b|transparent|"
    r"rgba?\(\s*255\s*,\s*255\s*,\s*255)|"
    r"text-indent\s*:\s*-\d{3,}|(?:left|top)\s*:\s*-\d{3,}|size\s*=\s*[\"']?[01]\b|"
    r"(?:height|width)\s*:\s*0|clip\s*:\s*rect\(0"
    r")[^<>]{0,400}>"
)
_REFERENCE: Final = re.compile(
    r"\[[^\]\n]{1,40}\]:[^\S\n]{0,3}(?:#|<>)[^\S\n]{0,3}"
    r"(?:\([^()\n]{0,2000}\)|\"[^\"\n]{0,2000}\"|'[^'\n]{0,2000}'|[^\n]{0,2000})"
)
"""A link that leads nowhere, which Markdown shows nothing of."""
_LONGEST: Final = 4000


def unseen_spans(text: str) -> list[tuple[int, int]]:
    """Return the stretches that nobody sees, in a folded text; they do not overlap."""
    if "<" not in text and "[" not in text:
        return []
    spans: list[tuple[int, int]] = []
    for start, end in sorted((*_comments(text), *_references(text), *_styled(text))):
        # What stands within another is not shown either.
        if not spans or start >= spans[-1][1]:
            spans.append((start, end))
    return spans


def _comments(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while (start := text.find("<!--", at)) >= 0:
        end = text.find("-->", start, start + _LONGEST)
        # A comment that is not closed hides its line only.
        at = max(end + 3 if end >= 0 else _line_end(text, start), start + 4)
        yield start, at


def _references(text: str) -> Iterator[tuple[int, int]]:
    for found in _REFERENCE.finditer(text):
        yield found.span()


def _styled(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while found := _STYLED.search(text, at):
        closing = text.find(f"</{found.group(1)}", found.end(), found.end() + _LONGEST)
        at = _tag_end(text, closing) if closing >= 0 else _line_end(text, found.end())
        yield found.start(), at


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _tag_end(text: str, start: int) -> int:
    end = text.find(">", start, start + 40)
    return start + 2 if end < 0 else end + 1
