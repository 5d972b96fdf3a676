"""Answers that a frontend may render as Markdown: no images, no markup, no hidden definitions.

What a model says may be what a passage made it say. A picture in it is fetched by whoever looks at
the answer, and its address can carry away what was said before (OWASP LLM10). Each character is
replaced by one other, so that offsets of citations still hold.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["Harmless", "harmless"]

_IMAGE: Final = re.compile(r"!(?=\[)")
_TAG: Final = re.compile(r"<(?=[A-Za-z/!?])")
_DEFINITION: Final = re.compile(r"(?m)^( {0,3})\[([^\]\n]*)\](?=:)")
_OPEN: Final = re.compile(r"(?:[!<]|(?:^|(?<=\n)) {0,3}(?:\[[^\]\n]*\]?)?)\Z")
"""The end of a text of which only what follows tells whether it is harmless."""


def harmless(text: str) -> str:
    """Return a text of the same length that shows no image, tag or definition of a link.

    `![a](b)` becomes a bracket of its own, `<img>` loses its angle bracket, and `[1]: address`,
    which would turn a citation's number into a link, its square brackets.
    """
    text = _TAG.sub("‹", _IMAGE.sub(r"\\", text))
    return _DEFINITION.sub(r"\1(\2)", text)


class Harmless:
    """The same for a text that comes piece by piece; what is not certain yet is held back."""

    def __init__(self) -> None:
        self._heard = ""
        self.said = ""

    def hear(self, piece: str) -> str:
        """Return what can be said now that this piece has come."""
        self._heard += piece
        found = _OPEN.search(self._heard)
        certain = len(self._heard) if found is None else found.start()
        fresh = harmless(self._heard)[len(self.said) : certain]
        self.said += fresh
        return fresh
