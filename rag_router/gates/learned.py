"""What gates share that learn a score from the model's insides.

The score is turned into a probability by a curve. A score looks better on the questions it was
learned from than on others, so the curve is fitted to *cross-fitted* scores: each question's by a
gate that learned from the other folds (Platt 1999, "Probabilistic outputs for support vector
machines", section 2.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.arrays import Arrays
from rag_router.artefacts import Artefact
from rag_router.calibration import Calibrator, Platt, arrays_of, even_folds, restored
from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.gates.base import Lesson, verdict
from rag_router.signals.base import Signal, Signals
from rag_router.types import Question, Verdict

__all__ = ["FOLDS", "LearnedGate", "check_lesson", "scores_apart"]

FOLDS: Final = 5
"""Of every cross-validation inside a fit."""

_UNKNOWN = 0.5
"""P(right) before anything was learned: these scores mean nothing by themselves."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LearnedGate:
    """A learned score and a curve over it. Subclasses say what is read and learned.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
    """

    threshold: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    arrays: Arrays = Arrays()

    options_kept: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that change what is read or learned; an artefact brings them back."""

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        raise NotImplementedError

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Read off each question what the gate goes by, shape (questions, features)."""
        raise NotImplementedError

    def taught(self, lesson: Lesson) -> Mapping[str, NDArray[Any]]:
        """Learn the score; return its arrays, without a curve."""
        raise NotImplementedError

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score questions by what was learned, shape (questions,)."""
        raise NotImplementedError

    def figures(self, features: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """What a verdict shows beside the probability, each of shape (questions,)."""
        return {"score": self.score(features)}

    def learn(self, lesson: Lesson) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.float64]]:
        """Learn the score; return its arrays, and what others would have scored each question."""
        return self.taught(lesson), scores_apart(self, lesson)

    def curve(self, scores: NDArray[np.float64], lesson: Lesson) -> Calibrator:
        """Fit the curve from scores to P(the closed-book answer is right)."""
        return Platt.fit(scores, lesson.right)

    @property
    def fitted(self) -> bool:
        return bool(self.arrays)

    def assess(self, questions: Sequence[Question], signals: Signals) -> list[Verdict]:
        if not questions:
            return []
        features = self.features(questions, signals)
        figures = self.figures(features) if self.fitted else {}
        return [
            verdict(p, self.threshold, {name: float(found[row]) for name, found in figures.items()})
            for row, p in enumerate(self.probabilities(features))
        ]

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(the closed-book answer is right), shape (questions,)."""
        curve = restored(self.arrays)
        if not len(features):
            return np.zeros(0)
        return self.bare(features) if curve is None else curve(self.score(features))

    def bare(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """What stands for `p_know` until the gate is fitted, shape (questions,)."""
        return np.full(len(features), _UNKNOWN)

    def fit(self, lesson: Lesson) -> Self:
        """Return this gate with what it learns.

        Raises:
            DataError: only one class is there, or features are not finite; says in which rows.
            UnavailableError: what it learns with is not installed.
        """
        return self.study(lesson)[0]

    def study(self, lesson: Lesson) -> tuple[Self, NDArray[np.float64]]:
        """Return this gate with what it learns, and what it says of each question unseen.

        Returns:
            The gate, and P(right) of each question by what was learned from others, shape (n,).

        Raises:
            DataError: only one class is there, or features are not finite; says in which rows.
            UnavailableError: what it learns with is not installed.
        """
        check_lesson(lesson)
        learned, scores = self.learn(lesson)
        fitted = replace(self, arrays=Arrays({**learned, **arrays_of(self.curve(scores, lesson))}))
        return fitted, self._judged_apart(scores, lesson)

    def _judged_apart(self, scores: NDArray[np.float64], lesson: Lesson) -> NDArray[np.float64]:
        """P(right) by curves fitted to the other folds: an isotonic one learns noise by heart."""
        fold = even_folds(lesson.right, FOLDS, lesson.seed)
        p = np.empty(len(fold))
        for number in range(FOLDS):
            rest, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            p[test] = self.curve(scores[rest], lesson.pick(rest))(scores[test])
        return p

    @property
    def learned(self) -> dict[str, NDArray[Any]]:
        return dict(self.arrays)

    @property
    def options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.options_kept}

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this gate as it was fitted; a threshold that was set by hand stays."""
        kept = {name: artefact.card.notes[name] for name in self.options_kept}
        return replace(
            self,
            **kept,
            threshold=artefact.card.threshold if self.threshold is None else self.threshold,
            arrays=Arrays(artefact.weights),
        )


def scores_apart(gate: LearnedGate, lesson: Lesson) -> NDArray[np.float64]:
    """Score each question by what was learned from the other folds, shape (n,)."""
    fold = even_folds(lesson.right, FOLDS, lesson.seed)
    scores = np.empty(len(fold))
    for number in range(FOLDS):
        rest, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        other = replace(gate, arrays=Arrays(gate.taught(lesson.pick(rest))))
        scores[test] = other.score(lesson.features[test])
    return scores


def check_lesson(lesson: Lesson) -> None:
    """Check that there is something to learn.

    Raises:
        DataError: only one class is there, or features are not finite; says in which rows.
    """
    right, wrong = int(lesson.right.sum()), int((~lesson.right).sum())
    if min(right, wrong) < 2:
        raise DataError(
            f"a gate learns from both classes; saw {right} right and {wrong} wrong.",
            hint="Give more, and more varied, labelled questions.",
        )
    broken = np.flatnonzero(~np.isfinite(lesson.features).all(axis=1))
    if len(broken):
        shown = ", ".join(map(str, broken[:5])) + (", …" if len(broken) > 5 else "")
        raise DataError(
            f"what was read off {len(broken)} of {len(lesson.features)} questions is not finite: "
            f"rows {shown}.",
            hint="Leave those questions out, or load the model in float32.",
        )
