"""Other ways to read a text: figures for letters, letters set apart, words from right to left.

Each reading comes with the place of each of its characters, so that what is found in it can be
cut out of the text. A reading is made only where something looks like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rag_router.filters.hostile.encodings import rotated
from rag_router.filters.hostile.glance import Glance

__all__ = ["Reading", "readings"]

_LEET: Final = str.maketrans({
    "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "!": "i", "|": "i", "+": "t", "€": "e",
})  # fmt: skip
_LEET_L: Final = str.maketrans({
    "0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "!": "i", "|": "l", "+": "t", "€": "e",
})  # fmt: skip
_LETTERED: Final = re.compile(r"[0134579@$](?<=[a-z].)[a-z]")
_LEAST_APART: Final = 4
"""Different letters that stand apart in any order worth hiding."""
_APART: Final = re.compile(r"(?<![^\W_])(?:[^\W_][\s._*|/-]{1,3}){7,}[^\W_](?![^\W_])")
_LONG: Final = 15
_WORD_BREAK: Final = re.compile(r"\s{2,}|\s[._*|/-]\s|[/|]")
_TELLING: Final = frozenset(
    [
        "ignore",
        "instructions",
        "instruction",
        "prompt",
        "system",
        "disregard",
        "answer",
        "previous",
        "question",
        "reply",
        "respond",
        "forget",
        "reveal",
        "assistant",
        "user",
    ]
)
_BACKWARDS: Final = frozenset(word[::-1] for word in _TELLING)
_ROTATED: Final = frozenset(map(rotated, _TELLING))


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it could also be read.

    Attributes:
        name: What the disguise is called.
        text: What it reads as; folded.
        places: For each character the offset of the one it stands for.
    """

    name: str
    text: str
    places: tuple[int, ...] | range

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where a stretch of the reading stands, end exclusive."""
        ends = (self.places[start], self.places[end - 1])
        return min(ends), max(ends) + 1


def readings(text: str, seen: Glance) -> Iterator[Reading]:
    """Read a text in every way that it gives reason to.

    Args:
        text: Folded.
        seen: What a first look at it shows.
    """
    if _LETTERED.search(text):
        for table in (_LEET, _LEET_L):
            yield Reading("figures for letters", text.translate(table), range(len(text)))
    if seen.singles >= _LEAST_APART or (seen.longest >= _LONG and _APART.search(text)):
        for apart in _APART.finditer(text):
            yield from _joined(text, apart.start(), apart.end())
    if not seen.words.isdisjoint(_BACKWARDS):
        yield Reading("words from right to left", text[::-1], range(len(text) - 1, -1, -1))
    if not seen.words.isdisjoint(_ROTATED):
        yield Reading("ROT13", rotated(text), range(len(text)))


def _joined(text: str, start: int, end: int) -> Iterator[Reading]:
    """Put letters that stand apart together; two spaces, or a bar, end a word."""
    # Where other signs stand between letters, white space stands between words.
    spaced = not re.search(r"[^\W_][._*|/-][^\W_]", text[start:end])
    letters: list[str] = []
    places: list[int] = []
    at = start
    while at < end:
        if text[at].isalnum():
            letters.append(text[at])
            places.append(at)
            at += 1
            continue
        gap = at
        while at < end and not text[at].isalnum():
            at += 1
        if _WORD_BREAK.search(text[gap:at]) or (not spaced and text[gap:at].isspace()):
            letters.append(" ")
            places.append(gap)
    yield Reading("letters set apart", "".join(letters), tuple(places))
