"""From text to the terms that lexical search matches."""

from __future__ import annotations

import re
from unicodedata import normalize

__all__ = ["STOP_WORDS", "terms_of"]

_SAYS_NOTHING = """
    a an and are as at be been but by did do does for from had has have how in into is it its of
    on or that the their them there these they this those to was were what when where which who
    whom whose why will with
"""
STOP_WORDS = frozenset(_SAYS_NOTHING.split())
"""English words that say nothing about what a passage is about."""

_WORD = re.compile(r"\w+")
_POSSESSIVE = re.compile(r"['’]s\b")


def terms_of(text: str) -> list[str]:
    """Return the words of a text: NFKC, case folded, without stop words and possessive `'s`."""
    plain = normalize("NFKC", text).casefold()
    return [word for word in _WORD.findall(_POSSESSIVE.sub("", plain)) if word not in STOP_WORDS]
