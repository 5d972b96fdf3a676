"""Was the answer right where everything was looked up? What `Lesson.helped` holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rag_router.eval.answering import answer_questions
from rag_router.gates.always import AlwaysGate
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.outcomes import RecordCache
from rag_router.scoring import alias_match
from rag_router.types import Question

__all__ = ["helped"]

OnProgress = Callable[[int, int], None]


def helped(
    orchestrator: Orchestrator,
    questions: Sequence[Question],
    *,
    cache: RecordCache | None = None,
    on_progress: OnProgress | None = None,
) -> NDArray[np.bool_]:
    """Let a service answer every question with retrieval, and judge each answer.

    It is made to answer always: an answer that it would have kept back is judged as well. Where
    no passage is worth reading, memory answers. The gate has no say, so that answers are kept
    for all gates alike. The questions must not be too long (`readable`).

    Args:
        orchestrator: The service; its gate and its abstaining do not matter.
        questions: With accepted answers, and with contexts where there is no index.
        cache: Where answers are kept; a run that was stopped goes on from its last batch.
        on_progress: Hears (done, all) after each batch.

    Returns:
        Whether the answer with retrieval was right, shape (questions,).
    """
    bold = replace(
        orchestrator,
        gate=AlwaysGate(),
        gate_name="always",
        policy=replace(orchestrator.policy, abstain=False),
        # What a service refuses is its own affair; what the model cannot read is not among these.
        question_characters=max((len(question.text) for question in questions), default=1),
    )
    records = answer_questions(
        bold, questions, Ask(retrieval="always"), cache=cache, on_progress=on_progress
    )
    return np.array(
        [
            alias_match(record.answer, question.answers)
            for question, record in zip(questions, records, strict=True)
        ],
        dtype=bool,
    )
