"""Whether a text is a date: a day, month, year, decade, century, or a span of them."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_date", "is_year"]

_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_ERA: Final = r"(?:\s*(?:a\.?d\.?|b\.?c\.?(?:e\.?)?|c\.?e\.?))"
# A number below 1000 is a year only where an era says so; one with a comma never is.
_YEAR: Final = rf"(?:a\.?d\.?\s*\d{{1,4}}|\d{{1,4}}{_ERA}|(?:1\d|20)\d\d(?:\s*[-–/]\s*\d\d(?!\d))?)"
_DAY: Final = r"(?:the\s+)?\d{1,2}(?:st|nd|rd|th)?"
_WEEKDAY: Final = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_ORDINAL: Final = r"(?:\d{1,2}(?:st|nd|rd|th)|[a-z]+(?:st|nd|rd|th)(?:[- ][a-z]+(?:st|nd|rd|th))?)"
_AGE: Final = r"(?:century|centuries|millennium)"
_SPELLED_DAYS: Final = r"(?:new year'?s (?:day|eve)|christmas (?:day|eve)|boxing day)"
_ONE: Final = "|".join(
    (
        rf"(?:{_WEEKDAY},?\s+)?{_DAY}(?:\s+of)?\s+{_MONTH}(?:,?\s+(?:of\s+)?{_YEAR})?",
        rf"(?:{_WEEKDAY},?\s+)?{_MONTH}\s+{_DAY}(?:\s*,?\s+{_YEAR})?",
        rf"{_MONTH}(?:,?\s+(?:of\s+)?{_YEAR})?",
        rf"(?:spring|summer|autumn|fall|winter)(?:\s+of|,)?\s+{_YEAR}",
        r"(?:the\s+)?(?:1\d|20)?\d0['’]?s",
        rf"(?:the\s+)?{_ORDINAL}(?:[- ]|\s+and\s+{_ORDINAL}\s+){_AGE}{_ERA}?",
        r"\d{1,2}[/.-]\d{1,2}[/.-](?:\d\d)?\d\d|\d{4}-\d\d-\d\d",
        _WEEKDAY,
        rf"{_SPELLED_DAYS}(?:,?\s+{_YEAR})?",
        _YEAR,
    )
)
_SOFTENED: Final = (
    r"(?:(?:the|about|around|circa|c\.|ca\.?|approximately|early|mid|late|later"
    r"|beginning of|end of|(?:fiscal |the )?year)[\s-]+)*"
)
_TO: Final = r"(?:\s*[-–—]\s*|\s+(?:to|until|till|through|and|or)\s+)"
_DATE: Final = re.compile(
    rf"{_SOFTENED}(?:{_DAY}\s*[-–]\s*|{_DAY}\s+(?:to|and)\s+)?(?:{_ONE})"
    rf"(?:{_TO}{_SOFTENED}(?:{_ONE}|{_DAY}(?:,\s*{_YEAR})?))?",
    re.IGNORECASE,
)
_BARE_YEAR: Final = re.compile(r"(?:1\d|20)\d\d")


def is_date(text: str) -> bool:
    """Whether the whole text is a date, such as "25 December 2003", "the 1980s" or "44 BC"."""
    return _DATE.fullmatch(text.strip()) is not None


def is_year(text: str) -> bool:
    """Whether the text is four digits that may be a year, from 1000 to 2099, or just a number."""
    return _BARE_YEAR.fullmatch(text.strip()) is not None
