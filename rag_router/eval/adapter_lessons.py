"""What a generator's adapter is trained on, judged by while it trains, and measured on after.

The held-out half of the questions is never learned from; which question belongs to it is decided
by its id, as everywhere. Of the others a tenth is kept apart to stop by.

With passages, each question that has some is learned a second time with one of them before it:
the best, the last, or one of another question, each as likely as the others, so that a model
learns from passages what they hold and stays with what it knows where they hold nothing (Yoran
et al. 2024, "Making retrieval-augmented language models robust to irrelevant context", arXiv
2310.01558, section 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rag_router.errors import DataError, QuestionError
from rag_router.eval.datasets import is_held_out, sample
from rag_router.eval.halves import require_enough
from rag_router.experts import Expert
from rag_router.models.adapter_rows import TrainingRow, training_row
from rag_router.models.prompts import Prompt, closed_book_prompt, contextual_prompt
from rag_router.scoring import normalise
from rag_router.types import Passage, Question

__all__ = ["AdapterLessons", "adapter_lessons", "mixed_passages"]

_APART: Final = 0.1
_MOST_APART: Final = 160
"""More rows tell the best adapter hardly better, and each judgement takes longer."""


@dataclass(frozen=True, slots=True)
class AdapterLessons:
    """Questions in their three parts.

    Attributes:
        rows: What is learned from.
        judged: Rows kept apart, to stop by.
        held: Held-out questions, to measure on.
        learned: How many questions the rows are of.
        too_long: Why questions were left out that are too long, or all of whose answers are.
    """

    rows: tuple[TrainingRow, ...]
    judged: tuple[TrainingRow, ...]
    held: tuple[Question, ...]
    learned: int
    too_long: Mapping[str, str]


def adapter_lessons(
    expert: Expert,
    questions: Sequence[Question],
    *,
    answer_tokens: int,
    passages: bool = False,
    held_limit: int | None = None,
    seed: int = 0,
) -> AdapterLessons:
    """Split questions, and make rows of those that are learned from.

    Args:
        expert: Who learns, and how it is asked.
        questions: With accepted answers.
        answer_tokens: Most tokens of an answer.
        passages: Whether questions are also learned with one of their passages.
        held_limit: Most held-out questions.
        seed: Of the split and of what is drawn.

    Raises:
        DataError: there are too few questions, they have no answers, none is held out, or all are
            too long.
    """
    answered = [question for question in questions if question.answers]
    if not answered:
        raise DataError(
            f"none of the {len(questions)} questions has an accepted answer.",
            hint='Each line needs "answers": ["…"].',
        )
    require_enough(len(answered))
    held = [q for q in answered if is_held_out(q.id, seed=seed)]
    asked = {normalise(q.text) for q in held}
    # The same question under another id would be learned by heart.
    free = [q for q in answered if not is_held_out(q.id, seed=seed)]
    free = [q for q in free if normalise(q.text) not in asked]
    if not held or len(free) < 2:
        raise DataError(
            f"{len(free)} questions to learn from and {len(held)} held out are too few.",
            hint="Which half a question belongs to depends on its id: use another --seed.",
        )
    apart = {q.id for q in sample(free, min(_MOST_APART, max(1, round(_APART * len(free)))))}
    rows: list[TrainingRow] = []
    judged: list[TrainingRow] = []
    too_long: dict[str, str] = {}
    mixed = mixed_passages(free, seed=seed) if passages else {}
    for question in free:
        made = list(_rows(expert, question, mixed.get(question.id), answer_tokens))
        if not made:
            too_long[question.id] = f"it or its answer is too long ({answer_tokens} tokens)"
        (judged if question.id in apart else rows).extend(made)
    if not rows or not judged:
        raise DataError(
            f"all {len(too_long)} questions or their answers are too long: an answer may have "
            f"{answer_tokens} tokens.",
            hint="Give questions with short answers, or raise --answer-tokens.",
        )
    return AdapterLessons(
        rows=tuple(rows),
        judged=tuple(judged),
        held=tuple(held if held_limit is None else sample(held, held_limit)),
        learned=len(free) - len(too_long) - sum(q.id in apart for q in free),
        too_long=too_long,
    )


def mixed_passages(questions: Sequence[Question], *, seed: int = 0) -> dict[str, Passage]:
    """Choose a passage for each question that has any: its best, its last, or another's.

    Args:
        questions: Whose contexts stand best first; contexts without text count as none.
        seed: Of the choice.

    Returns:
        A passage by the question's id.
    """
    random = np.random.default_rng(seed)
    own = {q.id: [p for p in q.contexts if p.text] for q in questions}
    there = [id_ for id_, passages in own.items() if passages]
    chosen: dict[str, Passage] = {}
    for at, id_ in enumerate(there):
        kind, other = int(random.integers(3)), int(random.integers(max(1, len(there) - 1)))
        passages = own[id_]
        if kind == 2 and len(there) > 1:
            passages = own[there[other + (other >= at)]]
            chosen[id_] = passages[int(random.integers(len(passages)))]
        else:
            chosen[id_] = passages[-1] if kind == 1 else passages[0]
    return chosen


def _rows(
    expert: Expert, question: Question, passage: Passage | None, answer_tokens: int
) -> Iterator[TrainingRow]:
    for prompt in _prompts(expert, question, passage):
        row = training_row(
            expert.model, expert.style, prompt, question.answers, answer_tokens=answer_tokens
        )
        if row is not None:
            yield row


def _prompts(expert: Expert, question: Question, passage: Passage | None) -> Iterator[Prompt]:
    try:
        yield closed_book_prompt(expert.model, expert.style, question.text)
        if passage is not None:
            yield contextual_prompt(expert.model, expert.style, question.text, [passage])
    except QuestionError:  # longer than the model can read
        return
