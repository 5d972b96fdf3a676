"""The right one of several choices, as foreign sets write it: by place, letter or text."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

__all__ = ["right_choice"]


def right_choice(choices: Sequence[str], key: int | str) -> tuple[str, str]:
    """The text and letter of the choice that `key` names.

    Args:
        choices: Texts, at most 26.
        key: Place from 0, text of a choice, or letter from A.

    Raises:
        ValueError: it names none of them.
    """
    place = _place(choices, key)
    if not 0 <= place < min(len(choices), len(ascii_uppercase)):
        raise ValueError(f"{key!r} names none of {len(choices)} choices")
    return choices[place], ascii_uppercase[place]


def _place(choices: Sequence[str], key: int | str) -> int:
    if isinstance(key, int):
        return key
    if key in choices:
        return choices.index(key)
    return ascii_uppercase.find(key.upper()) if len(key) == 1 else -1
