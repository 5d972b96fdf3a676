"""What a model replies, in words, and which of two replies it leaned to before it said one.

The leaning is read off the same pass that the reply is decoded from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_router.models.prompts import Inquiry, Prompt, inquiry_prompt
from rag_router.models.streams import Generation, OneStream, Task, decode, start
from rag_router.signals.base import Board, Cost, Reading
from rag_router.signals.leaning import Leaning, beginnings, leanings

__all__ = ["Reply", "beginning", "reply"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said, and what was leaned to.

    Attributes:
        text: One line; empty where nothing was said.
        leaning: How far the first token spoke for a yes.
    """

    text: str
    leaning: Leaning


def reply(
    board: Board,
    inquiry: Inquiry,
    cases: Sequence[Sequence[str]],
    *,
    max_new_tokens: int,
) -> list[Reading[Reply]]:
    """Ask the board's model about several cases and let it speak; each costs a prompt.

    Args:
        board: Whose model and prompt style are used.
        inquiry: What is asked.
        cases: Lines that describe each.
        max_new_tokens: Longest reply.

    Raises:
        QuestionError: a case is longer than the model can read.
        ModelError: its tokeniser cannot tell a yes from a no by their beginnings.
    """
    prompts = [inquiry_prompt(board.model, board.style, inquiry, case) for case in cases]
    found: dict[int, Reading[Reply]] = {}
    sides = beginnings(board.model, inquiry) if prompts else ([], [])
    # Prompts of like length share a batch, so that little is padded.
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number].ids))
    for at in range(0, len(order), board.batch_size):
        some = order[at : at + board.batch_size]
        read = _read(board, [prompts[n] for n in some], sides, max_new_tokens)
        found.update(zip(some, read, strict=True))
    return [found[number] for number in range(len(prompts))]


def beginning(board: Board, text: str, tokens: int) -> str:
    """Return as much of a text as takes no more than so many of the model's tokens."""
    # No more than could be needed is tokenised of a text of any length.
    some = text[: tokens * 16]
    ids = board.model.encode(some, begin=False)
    if some == text and len(ids) <= tokens:
        return text
    return board.model.decode(ids[:tokens])


def _read(
    board: Board,
    prompts: Sequence[Prompt],
    sides: tuple[Sequence[int], Sequence[int]],
    max_new_tokens: int,
) -> list[Reading[Reply]]:
    read = board.model.prefill(
        [prompt.ids for prompt in prompts], shared=[prompt.shared for prompt in prompts]
    )
    leaned = leanings(read.logits, [sides] * len(prompts))
    tasks = [
        Task(
            streams={"closed": stream},
            strategy=OneStream("closed"),
            max_new_tokens=max_new_tokens,
            stop=prompt.stop,
        )
        for stream, prompt in zip(start(read), prompts, strict=True)
    ]
    said = decode(board.model, tasks, cancelled=board.cancelled, deadline=board.deadline)
    return [
        Reading(Reply(one.text, leaning), _cost(prompt, one))
        for one, leaning, prompt in zip(said, leaned, prompts, strict=True)
    ]


def _cost(prompt: Prompt, said: Generation) -> Cost:
    return Cost(
        prefill_tokens=len(prompt.ids),
        decode_steps=said.forward_rows,
        forward_rows=1 + said.forward_rows,
    )
