"""What else the model might have answered: answers drawn at random from what it believes.

All samples of a question start from its closed-book pass, so the prompt is not read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rag_router.models.sampling import Sampling
from rag_router.models.streams import Generation, OneStream, Task, decode
from rag_router.signals.base import Board, Cost, Reading, Requirements
from rag_router.signals.closed_book import ClosedBookPass

__all__ = ["SampledAnswers"]


@dataclass(frozen=True, slots=True)
class SampledAnswers:
    """Draw answers to the question alone; costs one decode step a token of each.

    Draws go by the board's seed, the question and the sample's number, so that ten samples begin
    with the five that a gate which asks for five sees.

    Args:
        n: How many, >= 1.
        temperature: Flattens the distribution above 1, sharpens it below; > 0.
        max_new_tokens: Longest answer.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    n: int = 10
    temperature: float = 1.0
    max_new_tokens: int = 24

    dear: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "sampled_answers"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[tuple[Generation, ...]]]:
        sampling = Sampling(temperature=self.temperature, seed=board.seed)
        strategy = OneStream("closed")
        tasks = [
            Task(
                streams={"closed": one.stream},
                strategy=strategy,
                max_new_tokens=self.max_new_tokens,
                stop=one.prompt.stop,
                sampling=sampling.keyed(board.questions[row].text, number),
            )
            for row, one in zip(rows, board.read(ClosedBookPass(), rows), strict=True)
            for number in range(self.n)
        ]
        said = [
            answer
            for at in range(0, len(tasks), board.batch_size)
            for answer in decode(
                board.model, tasks[at : at + board.batch_size], cancelled=board.cancelled
            )
        ]
        return [_reading(tuple(said[at : at + self.n])) for at in range(0, len(said), self.n)]


def _reading(answers: tuple[Generation, ...]) -> Reading[tuple[Generation, ...]]:
    steps = sum(answer.forward_rows for answer in answers)
    return Reading(answers, Cost(decode_steps=steps, forward_rows=steps))
