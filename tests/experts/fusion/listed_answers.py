"""Experts whose answers are written down beforehand: no model, no index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rag_router.errors import UnavailableError
from rag_router.types import (
    Answer,
    Conflict,
    Evidence,
    ExpertChoice,
    Knowledge,
    Question,
    Route,
    Usage,
)

__all__ = ["Listed", "answer_of"]


def answer_of(expert: str, question: Question, text: str | None, confidence: float) -> Answer:
    return Answer(
        id=question.id,
        question=question.text,
        text=text,
        abstained=text is None,
        reason="no_knowledge" if text is None else "parametric",
        confidence=confidence,
        knowledge=Knowledge(
            gate="listed", p_know=confidence, threshold=None, retrieve=False, reason="listed"
        ),
        route=Route(expert=ExpertChoice(name=expert)),
        evidence=Evidence(),
        conflict=Conflict(closed_book_answer=None, divergence=None, strategy="closed_book"),
        usage=Usage(prompt_tokens=10, completion_tokens=2, lm_forward_passes=3),
        timings_ms={"total": 5.0},
        message=text or "I don't know.",
    )


@dataclass
class Listed:
    """Answers from a list: question -> answer (None abstains) and confidence."""

    name: str
    answers: Mapping[str, tuple[str | None, float]]
    trouble: str = ""
    asked: list[list[str]] = field(default_factory=list)
    wanted: list[Any] = field(default_factory=list)

    def answer(self, questions: Sequence[Question | str], ask: Any = None) -> list[Answer]:
        some = [q if isinstance(q, Question) else Question(id="1", text=q) for q in questions]
        self.asked.append([one.text for one in some])
        self.wanted.append(ask)
        if self.trouble:
            raise UnavailableError(self.trouble)
        return [answer_of(self.name, one, *self.answers[one.text]) for one in some]
