"""How often an expert is right: from memory, and with the gold passage in front of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag_router.experts import Expert
from rag_router.models.prompts import closed_book_prompt, contextual_prompt
from rag_router.outcomes import OutcomeCache, answer_prompts
from rag_router.scoring import alias_match, exact_match, token_f1
from rag_router.types import Question

__all__ = ["AnswerFigures", "with_gold", "without_passages"]

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class AnswerFigures:
    """Means over questions, all in [0, 1].

    Attributes:
        accuracy: Share whose answer holds a gold alias (`scoring.alias_match`).
        em: Share whose answer is a gold alias and nothing else.
        f1: Mean token F1.
        right: For each question, whether it was right.
    """

    accuracy: float
    em: float
    f1: float
    right: tuple[bool, ...]


def without_passages(
    expert: Expert,
    questions: Sequence[Question],
    *,
    cache: OutcomeCache | None = None,
    batch_size: int = 8,
    on_progress: OnProgress | None = None,
) -> AnswerFigures:
    """Let the expert answer from memory."""
    prompts = [closed_book_prompt(expert.model, expert.style, q.text) for q in questions]
    outcomes = answer_prompts(
        expert.model, prompts, cache=cache, batch_size=batch_size, on_progress=on_progress
    )
    return _figures([o.answer for o in outcomes], questions)


def with_gold(
    expert: Expert,
    questions: Sequence[Question],
    *,
    cache: OutcomeCache | None = None,
    batch_size: int = 8,
    on_progress: OnProgress | None = None,
) -> AnswerFigures:
    """Let the expert answer with the question's gold passages (`is_gold`) in the prompt."""
    prompts = [
        contextual_prompt(
            expert.model,
            expert.style,
            question.text,
            [p for p in question.contexts if p.meta.get("is_gold")],
        )
        for question in questions
    ]
    outcomes = answer_prompts(
        expert.model, prompts, cache=cache, batch_size=batch_size, on_progress=on_progress
    )
    return _figures([o.answer for o in outcomes], questions)


def _figures(answers: Sequence[str], questions: Sequence[Question]) -> AnswerFigures:
    right = tuple(alias_match(a, q.answers) for a, q in zip(answers, questions, strict=True))
    pairs = list(zip(answers, questions, strict=True))
    n = max(len(pairs), 1)
    return AnswerFigures(
        accuracy=sum(right) / n,
        em=sum(exact_match(a, q.answers) for a, q in pairs) / n,
        f1=sum(token_f1(a, q.answers) for a, q in pairs) / n,
        right=right,
    )
