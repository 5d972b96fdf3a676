"""Questions as they are asked, made into questions that can be answered."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from rag_router.errors import QuestionError
from rag_router.text import without_hidden
from rag_router.types import Degradation, Question

__all__ = ["Asked", "as_asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was understood, and what was taken out of it."""

    question: Question
    notes: tuple[Degradation, ...] = ()


def as_asked(question: Question | str, number: int, *, longest: int) -> Asked:
    """Compose its characters, take out what nobody can see, and close up white space.

    Args:
        question: What is asked.
        number: Its place among the questions, from 1: the id of a question that has none.
        longest: Most characters that are taken.

    Raises:
        QuestionError: it is empty or too long.
    """
    if isinstance(question, str):
        question = Question(id=str(number), text=question)
    text = unicodedata.normalize("NFC", question.text)
    if len(text) > longest:
        raise QuestionError(
            f"question {question.id} has {len(text):,} characters; at most {longest:,} are taken.",
            hint="Shorten it, or give the long text as a document.",
        )
    visible = without_hidden(text)
    notes: tuple[Degradation, ...] = ()
    if hidden := len(text) - len(visible):
        what = f"{hidden} hidden or control character(s) removed"
        notes = (Degradation(stage="question", what=what),)
    cleaned = " ".join(visible.split())
    if not cleaned:
        raise QuestionError(
            f"question {question.id} is empty.",
            hint="Ask something, such as 'Who wrote Hamlet?'",
        )
    return Asked(replace(question, text=cleaned), notes)
