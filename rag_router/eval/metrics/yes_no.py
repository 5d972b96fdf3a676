"""Answers to questions of yes or no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from rag_router.errors import DataError
from rag_router.scoring import first_words, normalise

__all__ = ["POLAR_WORDS", "polarity", "wanted_polarity"]

POLAR_WORDS: Mapping[bool, tuple[str, ...]] = MappingProxyType(
    {True: ("yes", "true"), False: ("no", "false")}
)
"""The words that say yes, and those that say no, normalised."""

_MEANING = {word: meaning for meaning, words in POLAR_WORDS.items() for word in words}


def polarity(answer: str | None) -> bool | None:
    """Whether the answer's first word says yes or no; None where it says neither."""
    return _MEANING.get(first_words(answer or "", 1))


def wanted_polarity(aliases: Iterable[str]) -> bool | None:
    """What the gold answers say if every one is a bare yes or no; None otherwise.

    Raises:
        DataError: one says yes and another no.
    """
    meanings = {_MEANING.get(normalise(alias)) for alias in aliases}
    if not meanings or None in meanings:
        return None
    if len(meanings) > 1:
        raise DataError("its answers say both yes and no.", hint="Keep the one that is right.")
    return meanings.pop()
