"""What gates, filters and routers may know about a question, each fact computed once and shared.

A *signal* is a value that says how a fact is computed and what it costs beyond the closed-book
pass. Whoever reads one must have declared it: reading another raises, so that the declared cost
of a gate is its real cost.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

from rag_router.errors import SettingsError
from rag_router.indices.reach import Reach
from rag_router.models.base import Ability, CausalModel, Embedder
from rag_router.models.prompts import PromptStyle
from rag_router.types import Question

__all__ = [
    "Board",
    "Cost",
    "Partner",
    "Partners",
    "Reading",
    "Requirements",
    "Signal",
    "Signals",
    "is_dear",
    "requirements",
]

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


Partner = Literal["proxy", "embedder", "indexes"]
"""Who else is consulted: a small model that answers in the big one's place, an embedder, or the
indexes that would be searched."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What must be there for a signal to be computed.

    Attributes:
        abilities: What the judged model must be able to show.
        partners: Who else must be at hand.
    """

    abilities: frozenset[Ability] = frozenset()
    partners: frozenset[Partner] = frozenset()

    def __or__(self, other: Requirements) -> Requirements:
        return Requirements(self.abilities | other.abilities, self.partners | other.partners)


class Signal(Protocol[V_co]):
    """A fact about a question. Instances are frozen and hashable; equal ones are computed once.

    One that reads more than the model's answers says so by an attribute `requires`; one that
    prompts, samples or asks another model, beyond the closed-book answer, by `dear = True`.
    """

    @property
    def name(self) -> str: ...

    def compute(self, board: Board, rows: Sequence[int]) -> Sequence[Reading[V_co]]:
        """Compute the fact for these rows of the board, in one batch.

        It may read other signals from the board; what those cost is not its own cost.
        """


def is_dear(signal: Signal[Any]) -> bool:
    """Whether a signal costs more than the closed-book pass and its greedy answer."""
    return bool(getattr(signal, "dear", False))


def requirements(signals: Iterable[Signal[Any]]) -> Requirements:
    """Return what several signals require together."""
    every = (getattr(signal, "requires", Requirements()) for signal in signals)
    return functools.reduce(operator.or_, every, Requirements())


class Reachable(Protocol):
    """What signals ask of an index."""

    @property
    def name(self) -> str: ...

    def reach(self, text: str) -> Reach:
        """Tell how far the index reaches for a question, by term statistics alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partners:
    """Whom signals may consult besides the model that is judged.

    Attributes:
        proxy: A small local model and how it is prompted.
        embedder: Embeds questions.
        indexes: Those that would be searched.
    """

    proxy: tuple[CausalModel, PromptStyle] | None = None
    embedder: Embedder | None = None
    indexes: tuple[Reachable, ...] = ()


class Board:
    """All that is known so far about one batch of questions and one model.

    Args:
        model: The model whose knowledge is in question.
        style: How it is prompted.
        questions: The batch.
        batch_size: Most rows in one forward pass.
        partners: Who else may be consulted.
        seed: Of everything that is drawn at random.
        cancelled: Asked between decoding steps; true stops everything.
        deadline: Asked between the steps of the closed-book answer; true cuts it short.
    """

    def __init__(
        self,
        model: CausalModel,
        style: PromptStyle,
        questions: Sequence[Question],
        *,
        batch_size: int = 8,
        partners: Partners | None = None,
        seed: int = 0,
        cancelled: Callable[[], bool] | None = None,
        deadline: Callable[[], bool] | None = None,
    ) -> None:
        self.model, self.style, self.questions = model, style, tuple(questions)
        self.batch_size, self.seed = batch_size, seed
        self.cancelled, self.deadline = cancelled, deadline
        self._partners = partners or Partners()
        self._known: dict[Signal[Any], dict[int, Reading[Any]]] = {}
        self._charged: dict[int, Cost] = {}

    def read(self, signal: Signal[V], rows: Sequence[int]) -> list[V]:
        """Return the values of `signal` for `rows`, computing those that are not known yet."""
        known = self._known.setdefault(signal, {})
        missing = [row for row in dict.fromkeys(rows) if row not in known]
        for start in range(0, len(missing), self.batch_size):
            some = missing[start : start + self.batch_size]
            known.update(zip(some, self.compute(signal, some), strict=True))
        return [known[row].value for row in rows]

    def compute(self, signal: Signal[V], rows: Sequence[int]) -> Sequence[Reading[V]]:
        """Compute a signal for rows of which it is not known yet, as it says itself.

        A board over a model that shows less computes some signals otherwise.
        """
        return signal.compute(self, rows)

    def preset(self, signal: Signal[V], row: int, reading: Reading[V]) -> None:
        """Put down what is known already, such as an answer that was kept."""
        self._known.setdefault(signal, {})[row] = reading

    def take(self, other: Board, row: int, as_row: int) -> None:
        """Take over all that another board of the same model knows about one of its questions.

        What it cost is taken over, too.

        Args:
            other: The board.
            row: The question's row there.
            as_row: Its row here.
        """
        for signal, known in other._known.items():
            if row in known:
                self.preset(signal, as_row, known[row])
        if row in other._charged:
            self.charge(as_row, other._charged[row])

    @property
    def proxy(self) -> tuple[CausalModel, PromptStyle]:
        """The small model that answers in the judged one's place, and how it is prompted.

        Raises:
            SettingsError: there is none.
        """
        if self._partners.proxy is None:
            raise SettingsError(
                "this gate asks a proxy model, and there is none.",
                hint="Name one in the settings: [proxy] model = 'smollm2-135m-instruct'.",
            )
        return self._partners.proxy

    @property
    def embedder(self) -> Embedder:
        """The embedder of questions.

        Raises:
            SettingsError: there is none.
        """
        if self._partners.embedder is None:
            raise SettingsError(
                "this gate embeds the question, and no embedder was loaded.",
                hint="Name one in the settings: [embedder] model = 'all-minilm-l6-v2'.",
            )
        return self._partners.embedder

    @property
    def indexes(self) -> tuple[Reachable, ...]:
        """The indexes that would be searched; none where there are none."""
        return self._partners.indexes

    def has(self, signal: Signal[Any], row: int) -> bool:
        """Whether `signal` has been computed for `row`."""
        return row in self._known.get(signal, {})

    def charge(self, row: int, cost: Cost) -> None:
        """Note what somebody spent on a question who keeps no signal of it, such as a filter."""
        self._charged[row] = self._charged.get(row, Cost()) + cost

    def cost(self, row: int) -> Cost:
        """Everything that was spent on one question so far."""
        spent = (known[row].cost for known in self._known.values() if row in known)
        return sum(spent, self._charged.get(row, Cost()))

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
