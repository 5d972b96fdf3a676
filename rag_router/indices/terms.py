"""From text to the terms that lexical search matches: words without their English endings.

Porter 1980, "An algorithm for suffix stripping" (doi 10.1108/eb046814), as Snowball has it. Words
of other scripts, and numbers, stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from threading import local
from typing import Any, Final
from unicodedata import normalize

__all__ = ["STOP_WORDS", "TERMS", "stems_of", "terms_of", "words_of"]

TERMS: Final = "porter-1"
"""What a published index says its terms are; another name for every change of what is below."""

_SAYS_NOTHING = """
    a an and are as at be been but by did do does for from had has have how in into is it its of
    on or that the their them there these they this those to was were what when where which who
    whom whose why will with
"""
STOP_WORDS = frozenset(_SAYS_NOTHING.split())
"""English words that say nothing about what a passage is about."""

_WORD = re.compile(r"\w+")
_POSSESSIVE = re.compile(r"['’]s\b")
_LONGEST: Final = 64
"""Characters of a word that count: longer ones are no words, but hold up the stemmer."""


class _Stemmers(local):
    """One stemmer for each thread: they may not be shared."""

    def __init__(self) -> None:
        import Stemmer

        self.porter: Any = Stemmer.Stemmer("porter")


_STEMMERS = _Stemmers()


def words_of(text: str) -> list[str]:
    """Return the words of a text: NFKC, case folded, without stop words and possessive `'s`."""
    plain = normalize("NFKC", text).casefold()
    found = _WORD.findall(_POSSESSIVE.sub("", plain))
    return [word[:_LONGEST] for word in found if word not in STOP_WORDS]


def stems_of(words: Sequence[str]) -> list[str]:
    """Return each word without its ending."""
    stems: list[str] = _STEMMERS.porter.stemWords(list(words))
    return stems


def terms_of(text: str) -> list[str]:
    """Return the terms of a text: its words without their endings."""
    return stems_of(words_of(text))
