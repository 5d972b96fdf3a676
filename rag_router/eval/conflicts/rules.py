"""Types of answers by rules: dates, numbers, the words of a name, and what the question asks for.

The form of an answer and the question must not contradict each other; where they do, or where
neither says anything, the answer is OTHER.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rag_router.eval.conflicts.answer_types import AnswerType
from rag_router.eval.conflicts.dates import is_date, is_year
from rag_router.eval.conflicts.expectation import (
    asks_for_anybody,
    asks_for_performers,
    expected_type,
)
from rag_router.eval.conflicts.gazetteer import gazetteer
from rag_router.eval.conflicts.names import has_person_shape, is_name, names_a_person, type_of_name
from rag_router.eval.conflicts.numbers import is_number

__all__ = ["RuleTyper"]

_ARTICLE: Final = re.compile(r"\bthe\s+$", re.IGNORECASE)
_SENTENCE_START: Final = re.compile(r"(?:^|[.!?:;\n])[\s\"'“‘(]*$")

# "Where does the phrase come from?": out of a book, or from a man.
_ORIGIN: Final = re.compile(
    r"\b(?:c[oa]mes? from|get (?:its|their|his|her)|originate|bible|book)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTyper:
    """Types answers by their form and by the question; English only."""

    def type_of(self, answer: str, *, question: str, before: str, after: str) -> AnswerType:
        """Return the type of an answer, or OTHER where form and question do not settle it."""
        del after
        expected = expected_type(question)
        bare = answer.strip(" ,;:\"'“”‘’")
        counted = _counted(bare, expected)
        if counted is not None:
            return counted if expected in {None, counted} else AnswerType.OTHER
        if not is_name(bare) or expected in {AnswerType.DATE, AnswerType.NUMERIC}:
            return AnswerType.OTHER
        has_article = bare.lower().startswith("the ") or _ARTICLE.search(before) is not None
        certain = type_of_name(bare)
        if expected is AnswerType.PERSON and not has_article and _may_be_person(bare):
            # Austin is a man and Megan Park a woman where a person is asked for.
            return AnswerType.PERSON
        if certain is not None:
            # "What title": "Duke of Normandy" is no person here.
            is_work = certain is AnswerType.PERSON and expected is AnswerType.OTHER
            return AnswerType.OTHER if is_work else certain
        if len(bare.split()) == 1 and _SENTENCE_START.search(before):
            # Any word is capitalised here.
            return AnswerType.OTHER
        return _guessed(bare, question, expected, has_article=has_article)


def _counted(text: str, expected: AnswerType | None) -> AnswerType | None:
    """DATE or NUMERIC by form; four digits may be either, and the question decides."""
    if is_year(text):
        return AnswerType.NUMERIC if expected is AnswerType.NUMERIC else AnswerType.DATE
    if is_date(text):
        return AnswerType.DATE
    return AnswerType.NUMERIC if is_number(text) else None


def _may_be_person(text: str) -> bool:
    if len(text.split()) == 1:
        return gazetteer().is_given_name(text)
    # "San Diego" and "Saint Petersburg" are places still.
    return names_a_person(text) and not gazetteer().is_place(text)


def _guessed(
    text: str, question: str, expected: AnswerType | None, *, has_article: bool
) -> AnswerType:
    """Type a name whose own words make nothing certain."""
    is_person = names_a_person(text) and not has_article
    if expected is AnswerType.PERSON and not is_person:
        return _somebody(text, question, has_article=has_article)
    if is_person:
        works = {AnswerType.OTHER, AnswerType.ORGANIZATION}
        return AnswerType.OTHER if expected in works else AnswerType.PERSON
    if expected is AnswerType.LOCATION and (
        has_article or _ORIGIN.search(question.lower()) or any(c.isdigit() for c in text)
    ):
        return AnswerType.OTHER
    return expected or AnswerType.OTHER


def _somebody(text: str, question: str, *, has_article: bool) -> AnswerType:
    """Type what answers "who" and has no known given name."""
    is_plural = re.search(r"(?<![uioas])s$|x$", text) is not None
    if has_article or _is_team(text):
        # "the Rolling Stones" and "Boston Red Sox", but neither "the Mongols" nor "the Pope".
        is_group = is_plural and (len(text.split()) > 1 or asks_for_performers(question))
        return AnswerType.ORGANIZATION if is_group else AnswerType.OTHER
    in_doubt = is_plural or asks_for_anybody(question) or not has_person_shape(text)
    return AnswerType.OTHER if in_doubt else AnswerType.PERSON


def _is_team(text: str) -> bool:
    """Whether a name begins with a known place: what people of a place call themselves."""
    parts, known = text.split(), gazetteer()
    return any(known.is_place(" ".join(parts[:count])) for count in range(1, len(parts)))
