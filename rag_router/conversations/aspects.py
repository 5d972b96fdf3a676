"""The aspects of a question that asks for several things, each searched for by itself."""

from __future__ import annotations

import re
from typing import Final

from rag_router.conversations.referring import names_in, pronouns_in, with_name

__all__ = ["aspects_of"]

_ASKING: Final = (
    "who|whom|whose|what|when|where|which|how|why|is|are|was|were|does|did|do|can|could|has|have"
)
_JOINT: Final = re.compile(
    rf"(?:\?\s*(?:and\s+)?|[,;]?\s+and\s+(?:also\s+)?|;\s*)(?=(?:{_ASKING})\b)", re.IGNORECASE
)
_BOTH: Final = re.compile(
    r"\b(?:difference|differences|similarities|distance|relationship|border)\s+between\s+(.+?)"
    r"\s+and\s+(.+?)[?.!]*$|^compare\s+(.+?)\s+(?:and|with|to)\s+(.+?)[?.!]*$",
    re.IGNORECASE,
)
_BEGINS: Final = re.compile(rf"^(?:{_ASKING})\b", re.IGNORECASE)
_MOST: Final = 4


def aspects_of(question: str) -> tuple[str, ...]:
    """Return what to search for where a question asks for several things, at most 4 of them.

    Returns:
        Each aspect by itself, or of a comparison the question and both sides; empty where the
        question is one.
    """
    if found := _BOTH.search(question):
        sides = [side.strip() for side in found.groups() if side]
        return (question, *sides)
    pieces = [piece.strip(" ,;?") for piece in _JOINT.split(question)]
    pieces = [piece for piece in pieces if piece]
    if len(pieces) < 2 or not _BEGINS.match(pieces[0]):
        return ()
    name = next(iter(names_in(pieces[0])), "")
    return tuple(f"{_named(piece, name)}?" for piece in pieces[:_MOST])


def _named(piece: str, name: str) -> str:
    """Put the name of the first aspect where another refers to it."""
    pronouns = set(pronouns_in(piece))
    return with_name(piece, pronouns.pop(), name) if name and len(pronouns) == 1 else piece
