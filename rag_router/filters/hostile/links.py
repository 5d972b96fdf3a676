"""Links and images whose address carries data off, in Markdown and HTML.

An image is fetched by whatever shows the answer, so that its address alone sends what was put in
(Rehberger 2023; OWASP LLM Top 10, improper output handling). What gives it away is a place for
something to be filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rag_router.filters.hostile.suspicion import Suspicion

__all__ = ["find_links"]

_ADDRESS: Final = re.compile(r"(?:https?|ftp|data|javascript)(?::|%3a)[^\s\"'<>]{1,2000}")
_PLACE: Final = re.compile(
    r"\{\{?[^{}]{0,60}\}|\$\{|\[[^\]\[]{1,60}\]|<[^<>]{1,60}>|%s\b|%\(\w|=\s*(?:your|user|the)[_-]|"
    r"(?<![a-z])(?:user|chat|conversation|secret|system|session|api)_(?:query|question|history|"
    r"input|prompt|data|key|"
    r"message|text|id|name|email|token)"
)
_CAPITALS: Final = re.compile(r"[=/][A-Z]{2,}_[A-Z_]{3,}")
_IMAGE: Final = re.compile(
    r"!\[[^\]\n]{0,200}\]\s?\(|<img\s|<iframe\s|<script\b|<object\s|<embed\s"
)
_STOP: Final = re.compile(r"[\s\"')]")
_SCRIPT: Final = re.compile(r"javascript:|data:text/html|<script\b")


def find_links(text: str, original: str) -> list[Suspicion]:
    """Find addresses with something to fill in, and images.

    Args:
        text: Folded.
        original: As long as that, with its capitals.
    """
    return list(_links(text, original)) if ":" in text or "<" in text else []


def _links(text: str, original: str) -> Iterator[Suspicion]:
    images = [hit.end() for hit in _IMAGE.finditer(text)]
    for hit in _IMAGE.finditer(text):
        yield _link(hit.start(), hit.end(), 0.3, "holds an image that is fetched from elsewhere")
    for hit in _SCRIPT.finditer(text):
        yield _link(hit.start(), hit.end(), 0.5, "holds a script")
    for address in _ADDRESS.finditer(text):
        # The place may stand in angle brackets, where the address seems to end.
        end = min(address.end() + 80, len(text))
        stop = _STOP.search(text, address.end(), end)
        whole = text[address.start() : stop.start() if stop else end]
        if _PLACE.search(whole) or _CAPITALS.search(original, address.start(), address.end()):
            start = address.start()
            shown = any(0 <= start - image <= 200 for image in images[-1000:])
            yield _link(
                start, address.end(), 0.85 if shown else 0.75, "holds a link with a place for data"
            )


def _link(start: int, end: int, weight: float, what: str) -> Suspicion:
    return Suspicion(start=start, end=end, kind="exfiltration", weight=weight, what=what)
