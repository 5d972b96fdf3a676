"""What the model answers from each passage alone: isolate, before anything is put together.

After RobustRAG (Xiang et al. 2024, arXiv 2405.15556): where every passage is read by itself, a
false one can spoil its own answer and no other. The model may be told that it may abstain; small
ones then abstain from the right passages too. An answer is a fact about a question and a passage,
kept on the board, so that all filters that ask for it share one reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rag_router.models.prompts import Prompt, contextual_prompt
from rag_router.models.streams import Generation, OneStream, Task, decode, start
from rag_router.signals.base import Board, Cost, Reading, Requirements
from rag_router.text import as_data
from rag_router.types import Passage

__all__ = ["PassageAnswer", "answers_alone"]


def answers_alone(
    board: Board,
    wanted: Sequence[tuple[int, Passage]],
    *,
    max_new_tokens: int = 24,
    abstain: bool = False,
) -> list[Generation]:
    """Answer from each passage alone, all of them in as few passes as the board allows.

    Args:
        board: Keeps the answers, and what they cost.
        wanted: Row of the board and passage; what is known already is not asked again.
        max_new_tokens: Longest answer.
        abstain: Whether the model is told that it may abstain.

    Returns:
        One answer for each, in order; an empty one where the passage has no text, or no sentence
        of it fits the prompt.
    """
    keys = [
        (PassageAnswer(passage.title, passage.text, max_new_tokens, abstain), row)
        for row, passage in wanted
    ]
    missing = [one for one in dict.fromkeys(keys) if not board.has(*one)]
    prompts = {one: one[0].prompt(board, one[1]) for one in missing}
    sizes = {one: 0 if made is None else len(made.ids) for one, made in prompts.items()}
    # Prompts of like length share a batch, so that little is padded.
    order = sorted(missing, key=sizes.__getitem__)
    for at in range(0, len(order), board.batch_size):
        some = order[at : at + board.batch_size]
        read = _read(board, [prompts[key] for key in some], max_new_tokens)
        for (signal, row), reading in zip(some, read, strict=True):
            board.preset(signal, row, reading)
    return [board.read(signal, [row])[0] for signal, row in keys]


@dataclass(frozen=True, slots=True)
class PassageAnswer:
    """The greedy answer to the question from one passage; costs a prompt and its decoding.

    Args:
        title: Of the passage.
        text: Of the passage, as far as the filters have left it.
        max_new_tokens: Longest answer.
        abstain: Whether the model is told that it may abstain.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    title: str
    text: str
    max_new_tokens: int = 24
    abstain: bool = False

    dear: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "passage_answer"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[Generation]]:
        return _read(board, [self.prompt(board, row) for row in rows], self.max_new_tokens)

    def prompt(self, board: Board, row: int) -> Prompt | None:
        """Put the question with the passage; None where there is nothing of it to show."""
        if not as_data(self.text):
            return None
        made = contextual_prompt(
            board.model,
            board.style,
            board.questions[row].text,
            [Passage(id="", title=self.title, text=self.text)],
            abstain=self.abstain,
        )
        # Without its passage the prompt would ask the model's memory.
        return made if made.shown[0] is not None else None


def _read(
    board: Board, prompts: Sequence[Prompt | None], max_new_tokens: int
) -> list[Reading[Generation]]:
    """Read and decode the prompts that there are, in one batch."""
    there = [prompt for prompt in prompts if prompt is not None]
    if not there:
        return [_nothing() for _ in prompts]
    streams = start(
        board.model.prefill(
            [prompt.ids for prompt in there], shared=[prompt.shared for prompt in there]
        )
    )
    tasks = [
        Task(
            streams={"context": stream},
            strategy=OneStream("context"),
            max_new_tokens=max_new_tokens,
            stop=prompt.stop,
        )
        for prompt, stream in zip(there, streams, strict=True)
    ]
    said = decode(board.model, tasks, cancelled=board.cancelled, deadline=board.deadline)
    readings = iter(
        Reading(
            answer,
            Cost(
                prefill_tokens=stream.tokens,
                decode_steps=answer.forward_rows,
                forward_rows=1 + answer.forward_rows,
            ),
        )
        for answer, stream in zip(said, streams, strict=True)
    )
    return [_nothing() if prompt is None else next(readings) for prompt in prompts]


def _nothing() -> Reading[Generation]:
    return Reading(Generation(text="", tokens=(), finish="end", forward_rows=0))
