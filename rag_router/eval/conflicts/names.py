"""What the words of a name say about its bearer: a place, an organisation, or a person."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rag_router.eval.conflicts.answer_types import AnswerType
from rag_router.eval.conflicts.gazetteer import gazetteer
from rag_router.eval.conflicts.vocabulary import words

__all__ = ["has_person_shape", "is_name", "names_a_person", "type_of_name"]

_SMALL: Final = words("particles") | {"and", "&", "for", "in", "on", "at", "upon"}
_NEVER_FIRST: Final = _SMALL | {
    *("a", "an", "along", "by", "from", "other", "several", "some", "with", "your", "his")
}
_PLACE_STARTS: Final = {"lake", "mount", "mt.", "fort", "cape", "port", "san", "santa", "gulf"}
_HOLY: Final = {"saint", "st.", "st"}
"""Titles of people that are more often the beginning of a town or a church."""
_INITIALS: Final = re.compile(r"(?:[A-Z]\.-?)+|[B-HJ-Z]")
_LOWER_START: Final = re.compile(r"[a-z]{1,2}['’\-]?[A-Z]")
_MOST_WORDS: Final = 6
_MOST_NAMES: Final = 4


def is_name(text: str) -> bool:
    """Whether a text is written like one name: every word is capitalised or a small one."""
    parts = _parts(text)
    return (
        0 < len(parts) <= _MOST_WORDS
        and _is_capitalised(parts[0])
        and parts[0].lower() not in _NEVER_FIRST
        and not re.search(r"[():;!?\"/]|\d:", text)
        and all(_is_capitalised(part) or part in _SMALL or part[0].isdigit() for part in parts)
    )


def type_of_name(text: str) -> AnswerType | None:
    """Return what the words of a name alone make certain; None where they do not.

    OTHER means that it surely is none of the five types, such as a treaty, an award, a people,
    or two names in one.
    """
    name = _Name.of(text)
    return next((kind for holds, kind in _CERTAIN if holds(name)), None)


def names_a_person(text: str) -> bool:
    """Whether a name of two to four words begins with a given name, a title or initials."""
    parts = _parts(text)
    if len(parts) < 2 or not has_person_shape(text):
        return False
    return (
        parts[0].lower() in words("titles")
        or gazetteer().is_given_name(parts[0])
        or (_INITIALS.fullmatch(parts[0]) is not None and len(parts[-1]) > 2)
    )


def has_person_shape(text: str) -> bool:
    """Whether a name might be a person's: one to four words, and small ones as in "van Gogh"."""
    parts = _parts(text.replace(",", " "))
    small = words("particles")
    names = [p for p in parts if p not in small and p.lower() not in words("suffixes")]
    return (
        0 < len(names) <= _MOST_NAMES
        and _is_capitalised(parts[0])
        and all(_is_capitalised(name) for name in names)
        and not any(re.search(r"[\d&/:!?()\"]|['’]s$", name) for name in names)
    )


@dataclass(frozen=True, slots=True)
class _Name:
    """A name in lower case, without "the".

    Attributes:
        text: As it was.
        parts: Its words.
        head: The words before "of", which say what a "University of Oxford" is.
    """

    text: str
    parts: tuple[str, ...]
    head: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> _Name:
        parts = tuple(part.lower() for part in _parts(text))
        head = parts[: parts.index("of")] if "of" in parts[1:] else parts
        return cls(text, parts, head)


def _is_place(name: _Name) -> bool:
    """Whether it is known, or reads "Rock Island, Illinois"."""
    inner, comma, outer = name.text.rpartition(",")
    return gazetteer().is_place(name.text) or (
        bool(comma) and gazetteer().is_place(outer) and is_name(inner)
    )


def _is_work_or_people(name: _Name) -> bool:
    return bool(words("work_words").intersection(name.parts)) or gazetteer().is_people(
        name.parts[-1]
    )


def _is_group(name: _Name) -> bool:
    return "," not in name.text and (
        name.head[-1] in words("group_words") or name.parts[0] in {"fc", "f.c."}
    )


def _is_several(name: _Name) -> bool:
    """Whether it joins names; "Charles, Prince of Wales" and "Sammy Davis, Jr." do not."""
    behind = name.text.partition(",")[2].lower().split()
    return "and" in name.parts or (
        bool(behind) and behind[0] not in words("titles") | words("suffixes")
    )


def _has_title(name: _Name) -> bool:
    return len(name.parts) > 1 and name.parts[0] in words("titles") - _HOLY


def _has_place_word(name: _Name) -> bool:
    return len(name.parts) > 1 and (
        name.head[-1] in words("place_words") or name.parts[0] in _PLACE_STARTS
    )


# In this order: "Battle of Britain" is no place, and "Duke University" is no duke.
_CERTAIN: Final[tuple[tuple[Callable[[_Name], bool], AnswerType], ...]] = (
    (_is_place, AnswerType.LOCATION),
    (_is_work_or_people, AnswerType.OTHER),
    (_is_group, AnswerType.ORGANIZATION),
    (_is_several, AnswerType.OTHER),
    (_has_title, AnswerType.PERSON),
    (_has_place_word, AnswerType.LOCATION),
)


def _parts(text: str) -> list[str]:
    parts = text.split()
    return parts[1:] if parts and parts[0].lower() == "the" else parts


def _is_capitalised(word: str) -> bool:
    """Whether a word begins with a capital, perhaps behind "al-", "d'" or the "i" of "iPhone"."""
    bare = word.lstrip("\"'‘’“(")
    return bool(bare) and (bare[0].isupper() or _LOWER_START.match(bare) is not None)
