"""Closed-book answers, right or wrong: what gates are fitted on and judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag_router.experts import Expert
from rag_router.models.prompts import closed_book_prompt
from rag_router.outcomes import Outcome, OutcomeCache, answer_prompts
from rag_router.scoring import alias_match
from rag_router.types import Question

__all__ = ["Labelled", "label"]

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question, what the model said to it from memory, and whether that was right."""

    question: Question
    outcome: Outcome
    right: bool


def label(
    expert: Expert,
    questions: Sequence[Question],
    *,
    cache: OutcomeCache | None = None,
    max_new_tokens: int = 24,
    batch_size: int = 8,
    on_progress: OnProgress | None = None,
) -> list[Labelled]:
    """Let an expert answer without passages, and judge each answer.

    Args:
        expert: Who answers.
        questions: With accepted answers.
        cache: Where answers are kept, so that none is asked for twice.
        max_new_tokens: Longest answer.
        batch_size: Questions in one forward pass.
        on_progress: Hears (done, all).
    """
    outcomes = answer_prompts(
        expert.model,
        [closed_book_prompt(expert.model, expert.style, q.text) for q in questions],
        cache=cache,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        on_progress=on_progress,
    )
    return [
        Labelled(question, outcome, alias_match(outcome.answer, question.answers))
        for question, outcome in zip(questions, outcomes, strict=True)
    ]
