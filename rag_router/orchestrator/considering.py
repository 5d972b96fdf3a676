"""What an expert knows about questions that it may or may not be asked to answer.

A router may want to hear of every candidate how likely it knows the answer. What a candidate has
read and computed for that is kept until the choice is made, and whoever wins goes on from there:
the pass of its gate is its closed-book pass, and the question is not read a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from rag_router.signals import Board, ClosedBookPass
from rag_router.types import Answer, Question, Usage

__all__ = ["Considered", "Considering"]


@dataclass(frozen=True, slots=True, eq=False)
class Considered:
    """What an expert has found out about one question.

    Attributes:
        p_know: Probability in [0, 1] that it alone answers rightly, as its gate says.
        board: Everything that is known about the question's batch.
        row: The question's row of it.
        calibrated: Whether the gate was fitted for the expert.
    """

    p_know: float
    board: Board
    row: int
    calibrated: bool = True

    @property
    def usage(self) -> Usage:
        """What it cost to find out."""
        cost = self.board.cost(self.row)
        # Whoever only talks has read nothing that could be counted here.
        passes = [self.row] if self.board.has(ClosedBookPass(), self.row) else []
        read = self.board.read(ClosedBookPass(), passes)
        return Usage(
            prompt_tokens=sum(one.stream.tokens for one in read) + cost.prefill_tokens,
            lm_forward_passes=cost.forward_rows,
        )


@runtime_checkable
class Considering(Protocol):
    """Whoever can tell how likely it knows before it answers, and answers from what it read."""

    def consider(self, questions: Sequence[Question | str], ask: Any = None) -> list[Considered]:
        """Read questions alone, and let the gate judge them, in order."""

    def answer(
        self,
        questions: Sequence[Question | str],
        ask: Any = None,
        known: Sequence[Considered] | None = None,
    ) -> list[Answer]:
        """Answer questions, in order, from what is known of each."""
