"""Questions whose answer can be replaced, and why the others are left out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Final

from rag_router.eval.conflicts.answer_types import AnswerType, Typer
from rag_router.eval.conflicts.mentions import (
    Mention,
    composed,
    find_mentions,
    replace_mentions,
    still_says,
    usable_aliases,
)
from rag_router.eval.conflicts.numbers import NumberSort, is_number_word, number_sort
from rag_router.scoring import normalise
from rag_router.types import Passage, Question

__all__ = ["POPULARITY", "Skipped", "Target", "find_target", "gold_passages"]

POPULARITY: Final = ("o_pop", "popularity", "views")
"""Keys of meta that hold the popularity of the answer's entity. PopQA's `s_pop` is not among
them: it is the popularity of what is asked about."""

_IN_A_LIST: Final = re.compile(r"\s*(?:,|,?\s+(?:and|or)|&|/)\s*")
_BLANK: Final = "□"

Found = Sequence[tuple[Passage, Sequence[Mention]]]


class Skipped(StrEnum):
    """Why a question makes no counterfactual passage."""

    NO_GOLD_PASSAGE = "no_gold_passage"
    NO_ANSWER = "no_answer"
    NOT_IN_PASSAGE = "answer_not_in_passage"
    OTHER_TYPE = "other_type"
    MIXED_TYPES = "mixed_types"
    SEVERAL_ANSWERS = "several_answers"
    ORDINARY_WORD = "also_an_ordinary_word"
    STAYS = "answer_stays"
    NO_SUBSTITUTE = "no_substitute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A question whose answer stands in a gold passage and has a type.

    Attributes:
        question: The question.
        originals: Its gold passages that hold an answer, as they were given.
        passages: The same in composed form.
        aliases: What counts as the answer, longest first.
        type: What the answer names; never OTHER.
        name: The answer as the passages spell it, in as few words as it has an alias for.
        popularity: Of the answer's entity, in whatever unit the question's source counts.
    """

    question: Question
    originals: tuple[Passage, ...]
    passages: tuple[Passage, ...]
    aliases: tuple[str, ...]
    type: AnswerType
    name: str
    popularity: float | None = None

    @property
    def sort(self) -> NumberSort | None:
        """Of a number, what it says."""
        return number_sort(self.name) if self.type is AnswerType.NUMERIC else None


def gold_passages(question: Question) -> list[Passage]:
    """Return the passages that are annotated as gold; without any, those said to hold the answer.

    A passage that is annotated as not gold never counts, whatever occurs in it.
    """
    given = [c for c in question.contexts if c.text]
    gold = [c for c in given if c.meta.get("is_gold") is True]
    return gold or [
        c for c in given if c.meta.get("is_gold") is not False and c.meta.get("has_answer") is True
    ]


def find_target(question: Question, typer: Typer) -> Target | Skipped:
    """Find out what of a question's gold passages would be replaced, or why nothing can be."""
    gold = gold_passages(question)
    aliases = usable_aliases(question.answers)
    if not gold or not aliases:
        return Skipped.NO_ANSWER if gold else Skipped.NO_GOLD_PASSAGE
    originals = [p for p in gold if find_mentions(composed(p.text), aliases)]
    passages = [replace(p, title=composed(p.title), text=composed(p.text)) for p in originals]
    found = [(p, find_mentions(p.text, aliases)) for p in passages]
    if not found:
        return Skipped.NOT_IN_PASSAGE
    types = _types(found, question.text, typer)
    problem = _problem(found, types, aliases)
    if problem is not None:
        return problem
    kind = next(one for one in types.values() if one is not AnswerType.OTHER)
    spelled = [_spelling(m) for _, some in found for m in some if types[m.alias] is kind]
    return Target(
        question=question,
        originals=tuple(originals),
        passages=tuple(passages),
        aliases=aliases,
        type=kind,
        name=_name(kind, spelled, aliases),
        popularity=_popularity(question.meta),
    )


def _types(found: Found, question: str, typer: Typer) -> dict[str, AnswerType]:
    """Types of the aliases that occur, each where it occurs first."""
    types: dict[str, AnswerType] = {}
    for passage, mentions in found:
        for one in mentions:
            if one.alias not in types:
                before, after = passage.text[: one.start], passage.text[one.end :]
                types[one.alias] = typer.type_of(
                    one.text, question=question, before=before, after=after
                )
    return types


def _problem(
    found: Found, types: Mapping[str, AnswerType], aliases: Sequence[str]
) -> Skipped | None:
    typed = {alias: kind for alias, kind in types.items() if kind is not AnswerType.OTHER}
    every = [mention for _, mentions in found for mention in mentions]
    problems = (
        (Skipped.OTHER_TYPE, not typed),
        (
            Skipped.MIXED_TYPES,
            len(set(typed.values())) > 1 or not all(_shares_word(one, typed) for one in types),
        ),
        (Skipped.SEVERAL_ANSWERS, any(_is_list(p.text, mentions) for p, mentions in found)),
        (Skipped.ORDINARY_WORD, any(map(_is_another_word, every))),
        (
            Skipped.STAYS,
            any(_stays(text, aliases) for p, _ in found for text in (p.title, p.text)),
        ),
    )
    return next((reason for reason, holds in problems if holds), None)


def _shares_word(alias: str, typed: Iterable[str]) -> bool:
    """Whether an alias speaks of the same thing as one that has a type, as far as words tell.

    Sets list different answers as if they were aliases: "Broadway" beside "October 15, 1997".
    """
    spoken = set(normalise(alias).split())
    return any(spoken & set(normalise(other).split()) for other in typed)


def _is_list(text: str, mentions: Sequence[Mention]) -> bool:
    """Whether different answers follow each other, as in "by Lennon and McCartney".

    With one name for all of them the passage would say the same name twice.
    """
    return any(
        one.alias.casefold() != other.alias.casefold()
        and _IN_A_LIST.fullmatch(text[one.end : other.start]) is not None
        for one, other in pairwise(mentions)
    )


def _is_another_word(mention: Mention) -> bool:
    """Whether a name occurs as an ordinary word: the month and "may", the country and "us"."""
    return (
        len(mention.alias.split()) == 1
        and mention.text.islower()
        and not mention.alias.islower()
        and not is_number_word(mention.text)
    )


def _spelling(mention: Mention) -> str:
    """The spelling in the passage, unless the passage shouts."""
    shouts = mention.text.isupper() and not mention.alias.isupper()
    return mention.alias if shouts else mention.text


def _stays(text: str, aliases: Sequence[str]) -> bool:
    """Whether an answer remains when all mentions are gone: "us" where it is "the U.S."."""
    return still_says(replace_mentions(text, find_mentions(text, aliases), _BLANK), aliases)


def _name(kind: AnswerType, spelled: Sequence[str], aliases: Sequence[str]) -> str:
    """The shortest spelling; of a person, the shortest that has more than one word.

    Of "159 counties" it is "159", where that is an alias too; but the year of a date is vaguer
    than the date.
    """

    def rank(name: str) -> tuple[bool, int, int, str]:
        count = len(name.split())
        return (kind is AnswerType.PERSON and count == 1, count, len(name), name)

    name = min(spelled, key=rank)
    if kind is not AnswerType.DATE:
        inside = (m.text for alias in aliases for m in find_mentions(name, (alias,)))
        name = min(inside, key=rank, default=name)
    # Number words are names nowhere, so their capital came from the sentence.
    is_word = kind is AnswerType.NUMERIC and is_number_word(name.split()[0])
    return name[:1].lower() + name[1:] if is_word else name


def _popularity(meta: Mapping[str, object]) -> float | None:
    for key in POPULARITY:
        value = meta.get(key)
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    return None
