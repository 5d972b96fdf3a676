"""What in a passage could answer a question, by what the question asks for.

Answer types after Li and Roth 2002, "Learning question classifiers" (doi 10.3115/1072228.1072378),
cut down to what shows on the surface: people, places and things begin with a capital letter, times
and numbers have digits or are spelt out. Nothing is parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from rag_router.indices.terms import STOP_WORDS, stems_of
from rag_router.text import sentence_spans

__all__ = ["KINDS", "Candidate", "Kind", "Reading", "asked_for", "read"]

Kind = Literal["name", "time", "number"]
KINDS: Final = ("person", "place", "time", "number", "thing")
"""What questions ask for. Persons, places and things are names in a passage."""

_ASKING: Final = {
    "number": r"\bhow (?:many|much|long|old|far|tall|high|deep|big|large|fast|heavy|wide|often)\b"
    r"|\b(?:what|which)(?: is| was)?(?: the)? (?:number|percentage|percent|population|age)\b",
    "time": r"\bwhen\b|\b(?:what|which) (?:year|date|day|month|century|decade|time|season)\b",
    "person": r"\b(?:who|whom|whose|who's)\b",
    "place": r"\bwhere\b|\b(?:what|which)(?: is| was)?(?: the)? (?:city|country|state|county|town|"
    r"continent|river|island|place|nation|region|province|capital|village|lake|mountain)\b",
}
_PATTERNS: Final = {kind: re.compile(pattern) for kind, pattern in _ASKING.items()}
_TOKEN: Final = re.compile(r"[^\W_]+(?:['’.\-][^\W_]+)*")
_POSSESSIVE: Final = re.compile(r"['’]s$")
_LONGEST: Final = 64
_YEAR: Final = re.compile(r"(?:1\d|20)\d\d(?:s|[-]\d\d(?:\d\d)?)?")
_NUMBERS: Final = """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
    hundred thousand million billion half twice
"""
_SPELT: Final = frozenset(_NUMBERS.split())
_DAYS: Final = """
    january february march april may june july august september october november december monday
    tuesday wednesday thursday friday saturday sunday
"""
_CALENDAR: Final = frozenset(_DAYS.split())


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stretch of words that could be an answer.

    Attributes:
        kind: What it looks like.
        key: What it is known by in other passages: its last word, folded.
        first: Its first word, counted from the passage's start.
        last: Its last word.
    """

    kind: Kind
    key: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A passage taken apart.

    Attributes:
        stems: Its words without their endings, stop words too.
        sentence: Number of the sentence that each word stands in.
        candidates: What could be an answer, in their order.
    """

    stems: tuple[str, ...]
    sentence: tuple[int, ...]
    candidates: tuple[Candidate, ...]


def asked_for(question: str) -> str:
    """Return what a question asks for, one of `KINDS`: by the first phrase that says so."""
    folded = question.casefold()
    found = {kind: m.start() for kind, p in _PATTERNS.items() if (m := p.search(folded))}
    return min(found, key=lambda kind: found[kind]) if found else "thing"


def read(text: str) -> Reading:
    """Take a text apart into words, sentences and what could be an answer."""
    words: list[str] = []
    folded: list[str] = []
    sentence: list[int] = []
    joined: list[bool] = []
    before = -1
    for number, (start, end) in enumerate(sentence_spans(text)):
        for found in _TOKEN.finditer(text, start, end):
            word = found.group()[:_LONGEST]
            words.append(word)
            folded.append(_POSSESSIVE.sub("", word.casefold()))
            sentence.append(number)
            # A name goes on over a space, and over nothing else.
            joined.append(before >= start and text[before : found.start()] == " ")
            before = found.end()
    return Reading(
        stems=tuple(stems_of(folded)),
        sentence=tuple(sentence),
        candidates=tuple(_candidates(words, folded, joined)),
    )


def _candidates(words: list[str], folded: list[str], joined: list[bool]) -> list[Candidate]:
    out: list[Candidate] = []
    for at, (word, plain) in enumerate(zip(words, folded, strict=True)):
        kind = _kind_of(word, plain)
        if kind is None:
            continue
        before = out[-1] if out else None
        if before and kind == before.kind == "name" and before.last == at - 1 and joined[at]:
            out[-1] = Candidate("name", plain, before.first, at)
        else:
            out.append(Candidate(kind, plain, at, at))
    return out


def _kind_of(word: str, plain: str) -> Kind | None:
    first = word[0]
    if first.isdigit():
        return "time" if _YEAR.fullmatch(plain) else "number"
    if plain in _SPELT:
        return "number"
    if first.isupper() and plain not in STOP_WORDS:
        return "time" if plain in _CALENDAR else "name"
    return None
