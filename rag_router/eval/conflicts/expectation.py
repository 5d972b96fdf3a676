"""What kind of answer a question asks for, from its own words; English only."""

from __future__ import annotations

import re
from typing import Final

from rag_router.eval.conflicts.answer_types import AnswerType
from rag_router.eval.conflicts.vocabulary import words

__all__ = ["asks_for_anybody", "asks_for_performers", "expected_type"]

_TYPE_OF_NOUN: Final = {
    noun: kind for kind in AnswerType for noun in words(f"{kind.value.lower()}_nouns")
}
_HOW_MUCH: Final = re.compile(
    r"\bhow (?:many|much|old|long|tall|far|big|large|high|deep|fast|often|wide|heavy|hot|cold)\b"
)
_NUMBER_OF: Final = re.compile(r"\b(?:percentage|number|amount) of\b")
_WH: Final = (
    (re.compile(r"\bwho(?:m|se|'s|s)?\b"), AnswerType.PERSON),
    (re.compile(r"^(?:\S+ ){0,2}when\b"), AnswerType.DATE),
    (re.compile(r"^(?:\S+ ){0,2}where(?:'s|s)?\b"), AnswerType.LOCATION),
)
_WHAT: Final = re.compile(r"\b(?:what|which)(?:'s|s)?\b|^names?\b|\bnames? of\b")
_BEFORE_NOUN: Final = re.compile(
    r"^(?:(?:is|was|are|were|s|the|a|an|full|first|last|real|other|one|of|for|names?)"
    r"\b ?)*"
)
_STOP: Final = {
    *("is", "was", "are", "were", "did", "does", "do", "has", "have", "had", "can", "could"),
    *("will", "would", "that", "who", "where", "when", "in", "on", "of", "for", "by", "to"),
    *("from", "at", "with", "and", "or", "as", "made", "won", "plays", "wrote"),
}
"""A noun phrase ends here; behind it come other things' nouns ("what city hosted the band")."""
_MOST_WORDS_READ: Final = 6
_DEEDS: Final = r"""
    s[aiu]ngs? perform\w* record(?:s|ed)? releas\w* own\w* ma[dk]e\w* manufactur\w* produc\w*
    distribut\w* publish\w* wins? won winner host\w* beat bought buys? operat\w* control\w*
    govern\w* rul\w* declar\w* invad\w* fought fight\w* attack\w* benefit\w* regulat\w* sponsor\w*
    coloni\w* conquer\w* settl\w* los[et]s? qualif\w* export\w* grow\w* pays? fund\w* hold\w* held
    buil\w* vot\w* elect\w* appoint\w* approv\w* determin\w* trophies titles championships? lived?
    came inhabit\w* us[ae] team band group country countries
    play(?:s|ed|ing)?\s(?:in|for|against|at) for with
"""
_ANYBODY: Final = re.compile(rf"\b(?:{'|'.join(_DEEDS.split())})\b")

_PERFORM: Final = re.compile(
    r"\b(?:s[aiu]ngs?|songs?|album|perform\w*|record(?:s|ed)?|band|team|bowl|champion\w*|playoffs?)\b"
)


def expected_type(question: str) -> AnswerType | None:
    """Return what the question asks for; None where its words do not say.

    OTHER means that it asks for something that is none of the five types, such as a song.
    """
    asked = " ".join(re.sub(r"[?\"“”,]", " ", question.lower()).replace("’", "'").split())
    if _HOW_MUCH.search(asked):
        return AnswerType.NUMERIC
    what = _WHAT.search(asked)
    for word, kind in _WH:
        found = word.search(asked)
        # "Which band, who ..." asks for the band.
        if found and not (what and what.start() < found.start()):
            return kind
    if _NUMBER_OF.search(asked):
        return AnswerType.NUMERIC
    named = _type_of_phrase(asked[what.end() :].strip() if what else asked)
    # Without a question word, "season 2 of ..." may ask for anything about it.
    vague = {AnswerType.DATE, AnswerType.NUMERIC}
    return named if what or named not in vague else None


def asks_for_anybody(question: str) -> bool:
    """Whether "who" may as well be a band, a team, a company or a country as a person."""
    return _ANYBODY.search(question.lower()) is not None


def asks_for_performers(question: str) -> bool:
    """Whether a question is about those who sing, or play in a team."""
    return _PERFORM.search(question.lower()) is not None


def _type_of_phrase(phrase: str) -> AnswerType | None:
    last: AnswerType | None = None
    for word in _BEFORE_NOUN.sub("", phrase).split()[:_MOST_WORDS_READ]:
        bare = word.removesuffix("'s")
        if bare in _STOP or (len(bare) > 4 and bare.endswith("ed")):
            break
        # The last noun says what it is: "city" in "capital city", "song" in "band song".
        last = _type_of_noun(bare) or last
    return last


def _type_of_noun(word: str) -> AnswerType | None:
    singulars = (word, word.removesuffix("s"), word.removesuffix("es"), f"{word[:-3]}y")
    return next((_TYPE_OF_NOUN[one] for one in singulars if one in _TYPE_OF_NOUN), None)
