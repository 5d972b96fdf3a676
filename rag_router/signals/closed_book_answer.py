"""The model's greedy answer to the question alone, with the probability of each token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rag_router.models.streams import Generation, OneStream, Task, decode
from rag_router.models.tasks import Asked
from rag_router.signals.base import Board, Cost, Reading, Requirements
from rag_router.signals.closed_book import ClosedBook, ClosedBookPass

__all__ = ["ClosedBookAnswer", "geometric_mean_probability", "minimum_probability"]


@dataclass(frozen=True, slots=True)
class ClosedBookAnswer:
    """Decoded from the closed-book pass's cache; costs one decode step a token.

    If the model turns out to know, this is the answer, and nothing is decoded again.

    Args:
        max_new_tokens: Longest answer.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    max_new_tokens: int = 24

    @property
    def name(self) -> str:
        return "closed_book_answer"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[Generation]]:
        answers = decode(
            board.model,
            self.tasks(board.read(ClosedBookPass(), rows), board.deadline),
            cancelled=board.cancelled,
        )
        return self.readings(answers)

    def tasks(self, passes: Sequence[ClosedBook], deadline: Asked | None) -> list[Task]:
        """What is to be decoded, to go on from these passes until the deadline says so."""
        return [
            Task(
                streams={"closed": one.stream},
                strategy=OneStream("closed"),
                max_new_tokens=self.max_new_tokens,
                stop=one.prompt.stop,
                trace=True,
                deadline=deadline,
            )
            for one in passes
        ]

    def readings(self, answers: Sequence[Generation]) -> list[Reading[Generation]]:
        """The answers, decoded, with what they cost."""
        return [
            Reading(a, Cost(decode_steps=a.forward_rows, forward_rows=a.forward_rows))
            for a in answers
        ]


def minimum_probability(logprobs: Sequence[float]) -> float:
    """min_i p(o_i | q, o_<i), in [0, 1]; 0 for an empty answer."""
    return math.exp(min(logprobs)) if logprobs else 0.0


def geometric_mean_probability(logprobs: Sequence[float]) -> float:
    """(prod_i p(o_i | q, o_<i))^(1/m), in [0, 1]; 0 for an empty answer."""
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else 0.0
