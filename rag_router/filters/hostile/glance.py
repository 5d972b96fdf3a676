"""What a first look at a text shows: enough to leave nearly every honest one alone."""

from __future__ import annotations

from dataclasses import dataclass

from rag_router.filters.hostile.rules import words_of

__all__ = ["Glance", "glance"]


@dataclass(frozen=True, slots=True)
class Glance:
    """What a folded text is made of.

    Attributes:
        words: Its words, each once.
        singles: How many different ones have one character.
        codes: How many different ones have two or three and begin with a figure.
        longest: Characters of the longest run without white space.
    """

    words: frozenset[str]
    singles: int
    codes: int
    longest: int


def glance(text: str) -> Glance:
    """Look at a folded text."""
    words = words_of(text)
    short = [word for word in words if len(word) <= 3]
    return Glance(
        words=words,
        singles=sum(len(word) == 1 for word in short),
        codes=sum(len(word) > 1 and word[0].isdigit() for word in short),
        longest=max(map(len, text.split()), default=0),
    )
