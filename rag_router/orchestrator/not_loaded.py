"""What is told where the time was up before anybody was loaded who could answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rag_router.experts.deadline import Deadline
from rag_router.orchestrator.ask import Ask
from rag_router.orchestrator.normalising import as_asked
from rag_router.orchestrator.telling import too_late
from rag_router.types import Answer, Question

if TYPE_CHECKING:
    from rag_router.orchestrator.pooled import PooledOrchestrator

__all__ = ["not_loaded"]


def not_loaded(
    service: PooledOrchestrator,
    question: Question,
    ask: Ask,
    *,
    deadline: Deadline,
    by: Sequence[str],
) -> Answer:
    """Abstain from a question of a pool, as from any that nobody had the time to begin with.

    Args:
        service: Who would have answered.
        question: What is asked.
        ask: As it is asked.
        deadline: The question's own.
        by: Names of those who would have answered, the first one first.
    """
    asked = as_asked(question, 1, longest=service.question_characters)
    return too_late(
        asked,
        late=f"{deadline} before it was begun",
        gate=service.gate_name,
        expert=by[0],
        message=service.message,
        tokens=ask.own.get(question.id, ask).tokens,
    )
