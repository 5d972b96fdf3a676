"""What gates share that read a few figures off a question and turn them into a probability.

The figures' scores (log-odds of probabilities, logarithms of counts) are combined by a logistic
curve (Platt 1999, "Probabilistic outputs for support vector machines"). Until it is fitted,
`p_know` is a bare figure, and every answer says that it is not calibrated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.artefacts import Artefact
from rag_router.calibration import Platt
from rag_router.component import STRICT
from rag_router.gates.base import Lesson, verdict
from rag_router.signals.base import Signal, Signals
from rag_router.types import Question, Verdict

__all__ = ["ScoredGate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ScoredGate:
    """A logistic curve over a few figures. Subclasses say which figures.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
    """

    threshold: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    curve: tuple[float, ...] = ()

    penalty: ClassVar[float] = 1e-6
    """Ridge on the slopes; keeps figures that say nearly the same apart."""

    options_kept: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that change what the figures mean; an artefact brings them back."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the figures are called in a verdict's signals."""
        raise NotImplementedError

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        raise NotImplementedError

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Read the figures, shape (questions, len(names))."""
        raise NotImplementedError

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lay the figures out for the curve, shape (questions, scores)."""
        return features

    def bare(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """What stands for `p_know` until the gate is fitted, in [0, 1], shape (questions,)."""
        raise NotImplementedError

    @property
    def fitted(self) -> bool:
        return bool(self.curve)

    def assess(self, questions: Sequence[Question], signals: Signals) -> list[Verdict]:
        figures = self.features(questions, signals)
        return [
            verdict(p, self.threshold, dict(zip(self.names, map(float, row), strict=True)))
            for p, row in zip(self.probabilities(figures), figures, strict=True)
        ]

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(the closed-book answer is right), shape (questions,)."""
        if self.curve:
            return Platt(self.curve[:-1], self.curve[-1])(self.scores(features))
        return self.bare(features)

    def fit(self, lesson: Lesson) -> Self:
        """Return this gate with a curve fitted to answers known to be right or wrong.

        Raises:
            DataError: only one class is there, or a figure is not finite.
        """
        platt = Platt.fit(self.scores(lesson.features), lesson.right, penalty=self.penalty)
        return replace(self, curve=(*platt.slopes, platt.intercept))

    @property
    def learned(self) -> dict[str, NDArray[np.float64]]:
        return {"curve": np.asarray(self.curve, dtype=np.float64)}

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
            curve=tuple(float(c) for c in artefact.weights["curve"]),
        )
