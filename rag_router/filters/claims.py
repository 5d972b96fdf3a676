"""The claims of an answer, and what must be the same in a text that supports one.

A claim is a sentence of the answer, or a part of one between semicolons. Whatever else a
paraphrase changes, it changes no number, no date, and not whether something is or is not so. Words
that only lead to an answer ("the answer is", "according to the passage") claim nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from rag_router.indices.terms import terms_of
from rag_router.scoring import normalise
from rag_router.text import sentence_spans

__all__ = ["Claim", "claims_of"]

_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_MONTHS: Final = frozenset(
    "january february march april june july august september october november december".split()  # noqa: SIM905  # as one reads it
)
"""Without May, which more often is no month."""
_NEGATION: Final = re.compile(
    r"\b(?:not|no|never|nor|neither|none|nobody|nothing|without|cannot)\b|n['’]t\b", re.IGNORECASE
)
_LEADS: Final = re.compile(
    r"\A(?:(?:yes|no|sure|well)\b[\W_]*)?"
    r"(?:(?:according\s+to|based\s+on|in|from)\s+(?:the|this|these)\s+(?:\w+\s+)?"
    r"(?:passages?|context|texts?|documents?|sources?|information)(?:\s+(?:above|provided|given))?"
    r"[\W_]*)?"
    r"(?:(?:the|my|our)\s+(?:(?:correct|final|right|short)\s+)?answer"
    r"(?:\s+to\s+(?:the|this|your)\s+(?:\w+\s+)?question)?\s*(?:is|was|would\s+be|:)\s*"
    r"(?:that\s+)?|answer\s*:\s*|(?:it|this|that|he|she|they|there)\s+(?:is|was|are|were)\s+)?"
    r"[\W_]*",
    re.IGNORECASE,
)
_TRAILS: Final = re.compile(
    r"[\s,(]*\b(?:according\s+to|based\s+on|as\s+(?:stated|mentioned|said|described|given|shown)\s+"
    r"(?:in|by)|as)\s+(?:the|this|these)\s+(?:\w+\s+)?"
    r"(?:passages?|context|texts?|documents?|sources?|information)\b"
    r"(?:\s+(?:above|provided|given|says?|states?|shows?|tells?))?[\W_]*\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Claim:
    """A claim, or a text that may support one.

    Attributes:
        text: What it says.
        start: Character offset in the answer.
    """

    text: str
    start: int = 0

    @property
    def end(self) -> int:
        """Offset behind it."""
        return self.start + len(self.text)

    @cached_property
    def core(self) -> str:
        """What it says without words that only lead to it; the whole where nothing else is left."""
        said = _TRAILS.sub("", self.text)
        said = said[_leads(said) :]
        return said if normalise(said) else self.text

    @cached_property
    def terms(self) -> frozenset[str]:
        """Its words without endings and stop words; all its words where it has no others."""
        return frozenset(terms_of(self.core)) or frozenset(normalise(self.core).split())

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The numbers and months in it, the former without signs between their figures."""
        found = (hit.group().replace(",", "") for hit in _NUMBER.finditer(self.text))
        months = _MONTHS.intersection(normalise(self.text).split())
        return frozenset(found) | months

    @cached_property
    def denies(self) -> bool:
        """Whether it says that something is not so."""
        return _NEGATION.search(self.text) is not None

    def shared(self, other: Claim) -> float:
        """Share of its words that another text has too, in [0, 1]."""
        return len(self.terms & other.terms) / len(self.terms) if self.terms else 0.0

    def news(self, asked: Claim) -> Claim:
        """Return what it says that was not asked already; all where it only says it again."""
        new = self.terms - asked.terms
        return _Terms(new) if new else self

    def agrees(self, other: Claim, known: frozenset[str] = frozenset()) -> bool:
        """Whether another text has all its numbers and denies no more and no less.

        Args:
            other: The text.
            known: Numbers that it need not say again.
        """
        return self.numbers <= other.numbers | known and self.denies == other.denies


def claims_of(answer: str) -> list[Claim]:
    """Return the claims of an answer, in order; what has no word is none."""
    claims: list[Claim] = []
    for start, end in sentence_spans(answer):
        for part in re.finditer(r"[^;]+", answer[start:end]):
            text = part.group().strip()
            if normalise(text):
                lead = len(part.group()) - len(part.group().lstrip())
                claims.append(Claim(text, start + part.start() + lead))
    return claims


class _Terms(Claim):
    """Some words of a claim."""

    def __init__(self, terms: frozenset[str]) -> None:
        super().__init__(" ".join(sorted(terms)))
        # They have lost their endings already.
        self.__dict__["terms"] = terms


def _leads(text: str) -> int:
    found = _LEADS.match(text)
    return found.end() if found else 0
