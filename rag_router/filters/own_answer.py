"""What the model answers from the passages as they are, for filters that judge by its answer."""

from __future__ import annotations

from collections.abc import Sequence

from rag_router.filters.base import FilterContext
from rag_router.models.prompts import contextual_prompt
from rag_router.models.streams import OneStream, Task, decode, start
from rag_router.scoring import first_line
from rag_router.signals import Board, Cost
from rag_router.types import Judged

__all__ = ["answers_with_passages"]


def answers_with_passages(
    board: Board,
    questions: Sequence[str],
    judged: Sequence[Sequence[Judged]],
    context: FilterContext,
    *,
    max_new_tokens: int,
) -> list[str]:
    """Answer each question greedily from all of its kept passages; charged to the board.

    Returns:
        First lines; empty where no passage is kept, or none has room in the prompt.
    """
    prompts = {}
    for number, (question, line) in enumerate(zip(questions, judged, strict=True)):
        passages = [one.hit.passage for one in line if one.kept]
        if not passages:
            continue
        prompt = contextual_prompt(board.model, board.style, question, passages)
        # Without a passage it would be answered from memory.
        if any(prompt.shown):
            prompts[number] = prompt
    answers = [""] * len(questions)
    order = sorted(prompts, key=lambda number: len(prompts[number].ids))
    for at in range(0, len(order), board.batch_size):
        some = order[at : at + board.batch_size]
        read = board.model.prefill(
            [prompts[number].ids for number in some],
            shared=[prompts[number].shared for number in some],
        )
        tasks = [
            Task(
                streams={"context": stream},
                strategy=OneStream("context"),
                max_new_tokens=max_new_tokens,
                stop=prompts[number].stop,
            )
            for number, stream in zip(some, start(read), strict=True)
        ]
        said = decode(board.model, tasks, cancelled=board.cancelled, deadline=board.deadline)
        for number, answer in zip(some, said, strict=True):
            answers[number] = first_line(answer.text)
            cost = Cost(
                prefill_tokens=len(prompts[number].ids),
                decode_steps=answer.forward_rows,
                forward_rows=1 + answer.forward_rows,
            )
            board.charge(context.rows[number], cost)
    return answers
