"""What gates, filters and routers may know about a question, each fact computed once and shared.

A *signal* is a value that says how a fact is computed and what it costs beyond the closed-book
pass. Whoever reads one must have declared it: reading another raises, so that the declared cost
of a gate is its real cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from rag_router.models.base import CausalModel
from rag_router.models.prompts import PromptStyle
from rag_router.types import Question

__all__ = ["Board", "Cost", "Reading", "Signal", "Signals"]

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Cost:
    """What something cost beyond the closed-book pass.

    Attributes:
        prefill_tokens: Prompt tokens read.
        decode_steps: Rows that were decoded for one step each.
        forward_rows: Rows that went through the model, the closed-book pass included.
    """

    prefill_tokens: int = 0
    decode_steps: int = 0
    forward_rows: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.prefill_tokens + other.prefill_tokens,
            self.decode_steps + other.decode_steps,
            self.forward_rows + other.forward_rows,
        )


@dataclass(frozen=True, slots=True)
class Reading(Generic[V_co]):
    """The value of a signal for one question, and what it cost."""

    value: V_co
    cost: Cost = field(default_factory=Cost)


class Signal(Protocol[V_co]):
    """A fact about a question. Instances are frozen and hashable; equal ones are computed once."""

    @property
    def name(self) -> str: ...

    def compute(self, board: Board, rows: Sequence[int]) -> Sequence[Reading[V_co]]:
        """Compute the fact for these rows of the board, in one batch.

        It may read other signals from the board; what those cost is not its own cost.
        """


class Board:
    """All that is known so far about one batch of questions and one model.

    Args:
        model: The model whose knowledge is in question.
        style: How it is prompted.
        questions: The batch.
        batch_size: Most rows in one forward pass.
    """

    def __init__(
        self,
        model: CausalModel,
        style: PromptStyle,
        questions: Sequence[Question],
        *,
        batch_size: int = 8,
    ) -> None:
        self.model, self.style, self.questions = model, style, tuple(questions)
        self.batch_size = batch_size
        self._known: dict[Signal[Any], dict[int, Reading[Any]]] = {}

    def read(self, signal: Signal[V], rows: Sequence[int]) -> list[V]:
        """Return the values of `signal` for `rows`, computing those that are not known yet."""
        known = self._known.setdefault(signal, {})
        missing = [row for row in dict.fromkeys(rows) if row not in known]
        for start in range(0, len(missing), self.batch_size):
            some = missing[start : start + self.batch_size]
            known.update(zip(some, signal.compute(self, some), strict=True))
        return [known[row].value for row in rows]

    def has(self, signal: Signal[Any], row: int) -> bool:
        """Whether `signal` has been computed for `row`."""
        return row in self._known.get(signal, {})

    def cost(self, row: int) -> Cost:
        """Everything that was spent on one question so far."""
        spent = (known[row].cost for known in self._known.values() if row in known)
        return sum(spent, Cost())

    def signals(self, rows: Sequence[int], allowed: Sequence[Signal[Any]]) -> Signals:
        """Return a view of these rows that shows the allowed signals only."""
        return Signals(self, tuple(rows), frozenset(allowed))


@dataclass(frozen=True, slots=True)
class Signals:
    """What a gate may read: some rows of a board, and only the signals it declared."""

    _board: Board
    _rows: tuple[int, ...]
    _allowed: frozenset[Signal[Any]]

    def read(self, signal: Signal[V]) -> list[V]:
        """Return the values of `signal`, one for each question.

        Raises:
            LookupError: the signal was neither in `needs` nor asked for.
        """
        if signal not in self._allowed:
            declared = ", ".join(sorted(s.name for s in self._allowed)) or "none"
            raise LookupError(
                f"signal {signal.name!r} was read but not declared; declared: {declared}. "
                "List it in `needs`, or ask for it with NeedMore."
            )
        return self._board.read(signal, self._rows)
