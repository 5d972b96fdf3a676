"""What a gate is: a pure, batched judgement of whether the model knows the answer by itself.

Sign convention: a high `p_know` means the model knows and retrieval can be spared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact
from rag_router.calibration import even_folds
from rag_router.errors import SettingsError
from rag_router.signals.base import Board, Signal, Signals
from rag_router.types import Question, Verdict

__all__ = [
    "AcquaintedGate",
    "FittedGate",
    "Gate",
    "Lesson",
    "MarkedGate",
    "NeedMore",
    "StudiousGate",
    "assess",
    "signals_of",
    "study",
    "verdict",
]

_ROUNDS = 8
"""Most times a gate may ask for more signals; a cascade of the known gates needs three."""


@dataclass(frozen=True, slots=True)
class NeedMore:
    """A gate cannot decide about a question yet, and asks for dearer signals."""

    signals: tuple[Signal[Any], ...]


@runtime_checkable
class Gate(Protocol):
    """Judges questions from signals. A frozen value; equal inputs give equal verdicts.

    `needs` lists the signals it always reads. `fitted` says whether `p_know` is calibrated for
    the model in use; what is not is reported with every answer.
    """

    @property
    def needs(self) -> tuple[Signal[Any], ...]: ...

    @property
    def fitted(self) -> bool: ...

    def assess(
        self, questions: Sequence[Question], signals: Signals
    ) -> Sequence[Verdict | NeedMore]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Questions whose closed-book answer is known to be right or wrong: what gates learn from.

    Attributes:
        features: What the gate reads off each question, shape (n, features).
        right: Whether the greedy closed-book answer was right, shape (n,); of a `MarkedGate`, what
            the questions are marked with.
        share: Share of sampled answers that were right, in [0, 1], shape (n,); None where none
            were sampled.
        helped: Whether the answer with retrieval was right, shape (n,); None where nobody looked.
        sets: Which set each question is from, for cross-validation by set.
        seed: Of everything that is drawn at random.
    """

    features: NDArray[np.float64]
    right: NDArray[np.bool_]
    share: NDArray[np.float64] | None = None
    helped: NDArray[np.bool_] | None = None
    sets: tuple[str, ...] = ()
    seed: int = 0

    def pick(self, rows: NDArray[np.int64]) -> Lesson:
        """Return the lesson of some of the questions."""
        return replace(
            self,
            features=self.features[rows],
            right=self.right[rows],
            share=None if self.share is None else self.share[rows],
            helped=None if self.helped is None else self.helped[rows],
            sets=tuple(self.sets[row] for row in rows) if self.sets else (),
        )


@runtime_checkable
class FittedGate(Gate, Protocol):
    """A gate that learns from questions whose closed-book answer is known to be right or wrong.

    What it reads off a question (`features`) is the same when it learns and when it judges.
    `learned` are the arrays and `options` the settings that its artefact keeps.
    """

    @property
    def learned(self) -> Mapping[str, NDArray[np.float64]]: ...

    @property
    def options(self) -> Mapping[str, Any]: ...

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Read off each question what the gate goes by, shape (questions, features)."""

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(the closed-book answer is right), shape (questions,)."""

    def fit(self, lesson: Lesson) -> FittedGate:
        """Return this gate with what it learns.

        Raises:
            DataError: only one class is there, or features are not finite.
        """

    def with_artefact(self, artefact: Artefact) -> FittedGate:
        """Return this gate with what was learned."""


@runtime_checkable
class AcquaintedGate(FittedGate, Protocol):
    """A gate that reads every question beside examples of what the model knew and did not.

    The examples are part of what it learns, and features mean something else under others: who
    fits it lets it choose them first, reads its features then, and calls `fit` last.
    """

    def acquainted(self, questions: Sequence[str], right: Sequence[bool], *, seed: int = 0) -> Self:
        """Return this gate with examples drawn from questions that it may learn from.

        Args:
            questions: That were put to the model, none of them held out for judging.
            right: Whether its closed-book answer to each was right.
            seed: Of the draw.

        Raises:
            DataError: there are too few of one kind.
        """


@runtime_checkable
class MarkedGate(FittedGate, Protocol):
    """A gate that learns what questions are marked with, not whether answers were right."""

    def marks(self, questions: Sequence[Question]) -> NDArray[np.bool_]:
        """What stands for `right` in this gate's lessons, shape (questions,).

        Raises:
            DataError: a question is not marked; says which, and what the mark is.
        """


@runtime_checkable
class StudiousGate(FittedGate, Protocol):
    """A gate that crosses folds while it learns, so that nobody need cross them around it."""

    def study(self, lesson: Lesson) -> tuple[Self, NDArray[np.float64]]:
        """Return this gate with what it learns, and P(right) of each question, learned apart."""


def study(
    gate: FittedGate, lesson: Lesson, *, folds: int = 5
) -> tuple[FittedGate, NDArray[np.float64]]:
    """Fit a gate, and let it judge each question without having learned from it.

    A probe is too sure of what it was fitted to; thresholds and what weighs several gates are
    chosen on these instead.

    Args:
        gate: Who learns.
        lesson: What from.
        folds: Of the cross-fitting, where the gate does none of its own.

    Returns:
        The fitted gate, and P(the closed-book answer is right), shape (n,).

    Raises:
        DataError: the gate cannot learn from it.
    """
    if isinstance(gate, StudiousGate):
        return gate.study(lesson)
    fold = even_folds(lesson.right, folds, lesson.seed)
    p = np.empty(len(fold))
    for number in range(folds):
        rest, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        p[test] = gate.fit(lesson.pick(rest)).probabilities(lesson.features[test])
    return gate.fit(lesson), p


def signals_of(gate: Gate) -> tuple[Signal[Any], ...]:
    """Every signal that a gate may ever read: its `needs`, and what it may ask for later.

    A gate that raises `NeedMore` lists what it may ask for in `may_need`.
    """
    return tuple(dict.fromkeys((*gate.needs, *getattr(gate, "may_need", ()))))


def verdict(p_know: float, threshold: float | None, signals: Mapping[str, float]) -> Verdict:
    """Decide by a calibrated probability: retrieve below the threshold, 0.5 where there is none."""
    limit = 0.5 if threshold is None else threshold
    below = p_know < limit
    return Verdict(
        p_know=float(p_know),
        retrieve=bool(below),
        reason=f"p_know {p_know:.2f} is {'below' if below else 'at least'} "
        f"the threshold {limit:.2f}",
        threshold=limit,
        signals=signals,
    )


def assess(gate: Gate, board: Board, rows: Sequence[int] | None = None) -> list[Verdict]:
    """Let a gate judge questions, computing dearer signals only for those that need them.

    Args:
        gate: Who judges.
        board: What is known about the questions.
        rows: Which of them; None is all.

    Raises:
        SettingsError: the gate keeps asking without deciding.
    """
    verdicts: dict[int, Verdict] = {}
    asked = range(len(board.questions)) if rows is None else rows
    pending = {row: tuple(gate.needs) for row in asked}
    for _ in range(_ROUNDS):
        groups: dict[tuple[Signal[Any], ...], list[int]] = {}
        for row, allowed in pending.items():
            groups.setdefault(allowed, []).append(row)
        pending = {}
        for allowed, some in groups.items():
            found = gate.assess([board.questions[r] for r in some], board.signals(some, allowed))
            for row, said in zip(some, found, strict=True):
                if isinstance(said, NeedMore):
                    pending[row] = tuple(dict.fromkeys((*allowed, *said.signals)))
                else:
                    verdicts[row] = said
        if not pending:
            return [verdicts[row] for row in asked]
    raise SettingsError(f"{type(gate).__name__} asked {_ROUNDS} times for more and never decided.")
