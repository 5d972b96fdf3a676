"""Which of several choices an answer picks: by its letter, or else by its text."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any

from rag_router.errors import DataError
from rag_router.scoring import first_line, normalise

__all__ = ["chosen", "place_of"]

_LETTER = re.compile(
    r"""
    \W{0,8}
    (?P<lead> (?: (?:the\s)? (?:(?:correct|best|right)\s)? (?:answer|option|choice)
                  (?:\sis)? \s?[:=]?\s? ){0,3} )
    [\W_]{0,8}
    (?P<letter> [a-z] )
    (?P<after> \s?$ | [)\]}:,;*_"”] | [.'’](?!\w) | \s )
    """,
    re.IGNORECASE | re.VERBOSE,
)


def chosen(answer: str | None, choices: Sequence[str]) -> int | None:
    """Place of the choice that an answer picks, or None where it picks none.

    A letter counts where the answer begins: "B", "(b) 12", "The answer is B". "A" and "I" are
    words too, so before a space they count only after "answer", "option" or "choice". Without a
    letter, the choice whose text stands first in the first line counts, the longer one of two
    that begin together. Texts that differ in punctuation alone ("5", "-5") are told apart only
    where the answer is one of them and nothing else.
    """
    line = _tidy(first_line(answer))
    alike = [place for place, choice in enumerate(choices) if _tidy(choice) == line]
    if len(alike) == 1 and not (len(line) == 1 and line.isalpha()):
        return alike[0]
    letter = _letter(" ".join(first_line(answer).split()))
    if letter is not None and letter < len(choices):
        return letter
    return _by_text(f" {normalise(first_line(answer))} ", choices)


def place_of(letter: Any, choices: Any) -> int:
    """Place of the right choice, as a question set writes it.

    Raises:
        DataError: the choices are no list of texts, or the letter is not one of theirs.
    """
    if not isinstance(choices, (list, tuple)) or not all(isinstance(c, str) for c in choices):
        raise DataError(f"meta.choices is no list of texts: {choices!r}.")
    letters = string.ascii_uppercase[: len(choices)]
    if not isinstance(letter, str) or len(letter) != 1 or letter.upper() not in letters:
        raise DataError(
            f"meta.answer_letter is {letter!r}, of {len(choices)} choices.",
            hint=f"It is one letter of {letters!r}.",
        )
    return letters.index(letter.upper())


def _letter(line: str) -> int | None:
    found = _LETTER.match(line)
    if found is None:
        return None
    letter = found["letter"]
    if found["after"] == " ":
        is_word = not found["lead"] and letter in "AI"
        if letter.islower() or is_word:
            return None
    return string.ascii_uppercase.index(letter.upper())


def _by_text(said: str, choices: Sequence[str]) -> int | None:
    texts = [f" {normalise(choice)} " for choice in choices]
    places = [
        (said.find(text), -len(text), place)
        for place, text in enumerate(texts)
        if text.strip() and text in said
    ]
    if not places:
        return None
    best = min(places)
    twins = [one for one in places if one[:2] == best[:2]]
    return best[2] if len(twins) == 1 else None


def _tidy(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")
