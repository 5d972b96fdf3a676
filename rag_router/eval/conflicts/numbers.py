"""Whether a text is a number, and of what sort: plain, counted, money, per cent or ordinal."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

__all__ = ["NumberSort", "is_number", "is_number_word", "number_sort", "same_number"]

_CARDINALS: Final = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
"""
_ORDINALS: Final = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
    fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth
    fiftieth sixtieth seventieth eightieth ninetieth hundredth thousandth
"""
_SCALES: Final = "hundred thousand million billion trillion dozen half quarter"
_WORDS: Final = frozenset(f"{_CARDINALS} {_ORDINALS} {_SCALES}".split())
_VALUES: Final = {word: str(value) for value, word in enumerate(_CARDINALS.split()[:21])}
_SCALED: Final = {"hundred", "thousand", "million", "billion", "trillion", "m", "bn", "k"}
_JOINERS: Final = {"and", "to", "or", "a", "point"}
_SOFTENERS: Final = {
    *("about", "around", "approximately", "roughly", "nearly", "almost", "over", "under", "some"),
    *("more", "less", "fewer", "than", "up", "to", "at", "least", "most", "only", "an"),
    *("estimated", "exactly", "just", "age", "aged"),
}
_FIGURE: Final = re.compile(
    r"(?:us|a|c)?[$£€¥₹]?[-−+~]?(?:\d{1,3}(?:,\d{2,3})+|\d+)?(?:\.\d+)?"
    r"(?:st|nd|rd|th|%|°[cf]?|m|k|bn|km|kg|ft|mm|cm|mph|cc|hp)?",
    re.IGNORECASE,
)
_SPAN: Final = re.compile(r"(?<=[\d%])\s*[-–—]\s*(?=[$£€]?\d)")
_MONEY: Final = re.compile(
    r"[$£€¥₹]|\b(?:dollar|cent|pound|euro|yuan|yen|rupee|franc|mark|rmb|usd|gbp)s?\b"
)
_PERCENT: Final = re.compile(r"%|\bper ?cent\b")
_ORDINAL_END: Final = re.compile(r"\d(?:st|nd|rd|th)$")
_MOST_UNIT_WORDS: Final = 2


class NumberSort(StrEnum):
    """What a number says; one sort does not stand well in another's place."""

    PLAIN = "plain"
    MEASURE = "measure"
    MONEY = "money"
    PERCENT = "percent"
    ORDINAL = "ordinal"


def is_number(text: str) -> bool:
    """Whether the whole text is a number, with at most two words of a unit behind it.

    "2,579 steps", "about four years", "$4.8 million", "90 per cent" and "twenty-first" are;
    "20th Century Fox" and "Seven Samurai" are not, since units are written in lower case.
    """
    number, unit = _number_and_unit(text)
    return bool(number) and len(unit) <= _MOST_UNIT_WORDS and all(map(_is_unit, unit))


def number_sort(text: str) -> NumberSort:
    """Return the sort of a number; of what is none, the sort that it looks most like."""
    lower = text.lower()
    number, unit = _number_and_unit(lower)
    last = number[-1].strip(",;") if number else ""
    sorts = (
        (NumberSort.PERCENT, _PERCENT.search(lower)),
        (NumberSort.MONEY, _MONEY.search(lower)),
        (NumberSort.ORDINAL, _ORDINAL_END.search(last) or last.split("-")[-1] in _ORDINALS.split()),
        (NumberSort.MEASURE, unit or re.search(r"\d-?[a-z°]", last)),
    )
    return next((sort for sort, holds in sorts if holds), NumberSort.PLAIN)


def is_number_word(word: str) -> bool:
    """Whether a word spells a number, such as "Seven" or "twenty-first"."""
    parts = word.lower().strip(",").split("-")
    return all(part in _WORDS for part in parts)


def same_number(one: str, other: str) -> bool:
    """Whether two texts are the same whole number up to twenty, in figures or spelled out."""
    values = [_VALUES.get(text.lower(), text) for text in (one, other)]
    return values[0] == values[1]


def _number_and_unit(text: str) -> tuple[list[str], list[str]]:
    """The words that make the number, without such as "about", and the words behind it."""
    words = _SPAN.sub(" to ", text.strip()).split()
    while words and words[0].lower() in _SOFTENERS:
        words = words[1:]
    count = 0
    while count < len(words) and _is_part(words[count], first=count == 0):
        count += 1
    return words[:count], words[count:]


def _is_part(word: str, *, first: bool) -> bool:
    word = word.strip(",;")
    if any(c.isdigit() for c in word):
        # "24-hour" is a number with its unit.
        figure, _, unit = word.partition("-")
        if unit.isalpha() and unit.islower():
            word = figure
        return _FIGURE.fullmatch(word) is not None
    if is_number_word(word) or word.lower() in _SCALED:
        return True
    return not first and word.lower() in _JOINERS


def _is_unit(word: str) -> bool:
    bare = word.strip(".,()%°/²³").replace("-", "")
    return not bare or (bare.isalpha() and (bare.islower() or len(bare) == 1))
