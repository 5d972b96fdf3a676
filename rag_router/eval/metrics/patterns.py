"""Answers given as regular expressions, as TREC's question answering tracks give them.

A gold pattern may occur anywhere in the first line of the answer, whatever its case (Voorhees and
Tice 2000, doi 10.1145/345508.345577). Patterns come from files, and some take exponential time or
memory; so the line is cut, the pattern bounded, and the search ends after half a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Needed for its time limit, which the standard library lacks; it ships no types.
import regex

from rag_router.errors import DataError
from rag_router.scoring import first_line

__all__ = ["pattern_match"]

_LONGEST_PATTERN = 1000
_LINE_READ = 200
_SEARCH_S = 0.5

_COUNT = re.compile(r"(?P<group>\)?)\{(?P<least>\d*)(?:,(?P<most>\d*))?\}")
_LARGEST_UNROLLED = 100_000
"""Characters a pattern may have once its counted repetitions are written out, as compiling does."""


def pattern_match(answer: str | None, patterns: Iterable[str], *, whole: bool = False) -> bool:
    """Whether any pattern matches the first line of the raw answer.

    Args:
        answer: As it was said; the first 200 characters of its first line that says anything.
        patterns: Regular expressions. One that matches nothing at all ("", ".*") matches any
            answer that says something.
        whole: Whether a pattern has to match the whole line, instead of a part of it.

    Raises:
        DataError: a pattern is invalid, longer than 1,000 characters, repeats too much or takes
            too long.
    """
    line = first_line(answer).strip()[:_LINE_READ]
    # All patterns are tried, so that a broken one is found whatever the answer.
    found = [_matches(pattern, line, whole=whole) for pattern in patterns]
    return bool(line) and any(found)


def _matches(pattern: str, line: str, *, whole: bool) -> bool:
    if len(pattern) > _LONGEST_PATTERN or _unrolled(pattern) > _LARGEST_UNROLLED:
        raise DataError(
            f"the pattern {pattern[:40]!r} of {len(pattern)} characters is too large.",
            hint=f"At most {_LONGEST_PATTERN} are read; split it, and do not nest high counts.",
        )
    try:
        compiled = regex.compile(pattern, regex.IGNORECASE)
        search = compiled.fullmatch if whole else compiled.search
        return search(line, timeout=_SEARCH_S) is not None
    except (regex.error, ValueError, RecursionError) as exc:
        raise DataError(
            f"{pattern!r} is not a regular expression: {exc}.",
            hint=r"Escape what is meant literally, such as \( or \.",
        ) from exc
    except TimeoutError as exc:
        raise DataError(
            f"the pattern {pattern!r} takes too long on {line!r}.",
            hint="Alternatives inside a repetition should not begin alike.",
        ) from exc


def _unrolled(pattern: str) -> int:
    """At most so many characters: counts of groups multiply, since groups may be nested."""
    groups, largest = 1, 1
    for found in _COUNT.finditer(pattern):
        count = max(1, *(int(number or 0) for number in found.group("least", "most")))
        groups *= count if found["group"] else 1
        largest = max(largest, count)
    return groups * largest * len(pattern)
