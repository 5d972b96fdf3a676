"""What each passage says by itself, as far as it says it: shared by all filters that compare.

Isolation after RobustRAG (Xiang et al. 2024, arXiv 2405.15556). An answer counts only where its
words stand in the passage that it was read from; of a whole sentence that a talkative model made
around its answer, the first name or number that the passage holds and the question does not
counts, or else the first such phrase. Small models answer every question, and half of
their answers from a passage beside the point come out of nowhere; told that they may abstain,
they abstain from the right passages as well. So a model need not know that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rag_router.filters.base import FilterContext
from rag_router.filters.votes import phrases
from rag_router.models.streams import Generation
from rag_router.scoring import first_line, holds_answer, normalise
from rag_router.signals.passage_answers import PassageAnswer, answers_alone
from rag_router.signals.refusals import is_refusal
from rag_router.types import Judged, Passage

__all__ = ["LONGEST", "known_alone", "said_alone"]

_DIGIT: Final = re.compile(r"\d")

LONGEST: Final = 24
"""Most tokens of an answer from one passage; all who ask alike share the answers."""


def said_alone(
    questions: Sequence[str],
    lines: Sequence[Sequence[Judged]],
    context: FilterContext,
    *,
    name: str,
    most: int,
) -> list[dict[int, str]]:
    """Answer every question from each of its kept passages alone.

    Args:
        questions: What is asked.
        lines: The passages of each question.
        context: With a board, which keeps the answers and what they cost.
        name: The filter's, for messages.
        most: Most passages of a question that are read so; those after them are not.

    Returns:
        For each question, by place in its line, what the passage says; "" where it says nothing.
        Empty for a question with fewer than two kept passages: there is nothing to compare.

    Raises:
        SettingsError: there is no board.
    """
    places = [[at for at, one in enumerate(line) if one.kept][:most] for line in lines]
    places = [some if len(some) > 1 else [] for some in places]
    if not any(places):
        return [{} for _ in lines]
    board = context.asked_of(name)
    wanted = [
        (row, line[at].hit.passage)
        for row, line, some in zip(context.rows, lines, places, strict=True)
        for at in some
    ]
    answers = iter(answers_alone(board, wanted, max_new_tokens=LONGEST))
    return [
        {at: _grounded(next(answers), line[at].hit.passage, asked) for at in some}
        for line, some, asked in zip(lines, places, questions, strict=True)
    ]


def known_alone(
    questions: Sequence[str], lines: Sequence[Sequence[Judged]], context: FilterContext
) -> list[dict[int, str]]:
    """Return the same as far as somebody has asked already; nothing is read for it."""
    board = context.board
    if board is None:
        return [{} for _ in lines]
    known: list[dict[int, str]] = []
    for row, line, asked in zip(context.rows, lines, questions, strict=True):
        said: dict[int, str] = {}
        for at, one in enumerate(line):
            passage = one.hit.passage
            signal = PassageAnswer(passage.title, passage.text, LONGEST)
            if one.kept and board.has(signal, row):
                said[at] = _grounded(board.read(signal, [row])[0], passage, asked)
        known.append(said)
    return known


def _grounded(answer: Generation, passage: Passage, question: str) -> str:
    """What an answer says that its passage holds; "" where it refuses, or says nothing of it."""
    said, text = first_line(answer.text).strip(), f"{passage.title} | {passage.text}"
    if is_refusal(said):
        return ""
    if holds_answer(text, [said]):
        return said
    asked = set(normalise(question).split())
    told = [
        phrase
        for phrase in phrases(said)
        if not asked.issuperset(normalise(phrase).split()) and holds_answer(text, [phrase])
    ]
    # A name or a number stands for an answer sooner than "located" or "known" does.
    return next((one for one in told if one != one.lower() or _DIGIT.search(one)), (*told, "")[0])
