"""Questions too long for the model: left out of a fit and named, rather than ending it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rag_router.errors import QuestionError
from rag_router.experts import Expert
from rag_router.models.prompts import closed_book_prompt
from rag_router.types import Question

__all__ = ["Readable", "leave_out", "readable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """Which questions can be read.

    Attributes:
        questions: Those that can, in their order.
        rows: Where each of them stood.
        too_long: Of the others, the id and what was said of it.
    """

    questions: list[Question]
    rows: list[int]
    too_long: Mapping[str, str]


def readable(expert: Expert, questions: Sequence[Question]) -> Readable:
    """Part questions that an expert can read from those that are too long for it.

    What can be read alone can be read beside passages, which are cut to the room that is left.

    Args:
        expert: Who reads.
        questions: To be read.
    """
    dropped: dict[int, str] = {}
    for row, question in enumerate(questions):
        try:
            closed_book_prompt(expert.model, expert.style, question.text)
        except QuestionError as exc:
            dropped[row] = exc.message
    rows = [row for row in range(len(questions)) if row not in dropped]
    return Readable(
        questions=[questions[row] for row in rows],
        rows=rows,
        too_long={questions[row].id: why for row, why in dropped.items()},
    )


def leave_out(longest_first: Iterable[int], read: Callable[[int], object]) -> dict[int, str]:
    """Try rows until one can be read, and return those that cannot, with what was said of each.

    A prompt that holds a question grows with the question, so that once one fits, all shorter
    ones do.

    Args:
        longest_first: Rows by the length of their questions.
        read: Reads a row; raises `QuestionError` where the question is too long.
    """
    dropped: dict[int, str] = {}
    for row in longest_first:
        try:
            read(row)
        except QuestionError as exc:
            dropped[row] = exc.message
        else:
            break
    return dropped
