"""A free gate first, and dearer ones only about what it is unsure of.

Early exit in a cascade (Viola and Jones 2001, doi 10.1109/CVPR.2001.990517; of language models,
Chen et al. 2023, "FrugalGPT", arXiv 2305.05176): a stage decides about questions whose `p_know`
lies outside its grey zone, and the next one is asked about the others. A later stage does not
forget the earlier ones: its probability weighs all that were heard so far
(`rag_router.gates.stacking`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.arrays import Arrays
from rag_router.artefacts import Artefact
from rag_router.calibration import logit
from rag_router.component import STRICT
from rag_router.errors import SettingsError
from rag_router.gates.base import FittedGate, Lesson, NeedMore, signals_of, verdict
from rag_router.gates.learned import FOLDS, check_lesson
from rag_router.gates.members import Members
from rag_router.gates.stacking import Stack, fit_stack
from rag_router.signals.base import Signal, Signals
from rag_router.types import Question, Verdict

__all__ = ["CascadeGate"]

_MOST: Final = 7
"""Stages; each one but the first is one more time of asking."""

_Zone = tuple[Annotated[float, Field(ge=0.0, le=1.0)], Annotated[float, Field(ge=0.0, le=1.0)]]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CascadeGate:
    """Retrieve when the first stage that is sure of it says it is not known.

    Until it is fitted, `p_know` is the mean of what the stages that were asked say.

    Args:
        stages: Names of gates that learn, the cheapest first, each once; at most 7.
        grey: Where each stage but the last is unsure: a low and a high `p_know`, in [0, 1]. One
            pair serves all stages.
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        gates: The stages themselves, one for each name, where they need options of their own or
            are fitted; none builds them by name.
        arrays: What was learned beside the stages; empty until fitted.
    """

    stages: Annotated[tuple[str, ...], Field(max_length=_MOST)] = ("p_ik", "answer_probe")
    grey: tuple[_Zone, ...] = ((0.03, 0.7),)
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    gates: tuple[FittedGate, ...] = ()
    arrays: Arrays = Arrays()

    def __post_init__(self) -> None:
        members = self._members
        if len(self.grey) not in {1, len(members.names) - 1}:
            raise SettingsError(
                f"{len(self.grey)} grey zones were given for {len(members.names)} stages.",
                hint="Give one pair for each stage but the last, or one for all.",
            )
        for low, high in self.grey:
            if low > high:
                raise SettingsError(f"the grey zone {low} to {high} ends before it begins.")

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return signals_of(self._members.gates[0])

    @property
    def may_need(self) -> tuple[Signal[Any], ...]:
        """What later stages read."""
        return tuple(signal for signal in self._members.signals if signal not in self.needs)

    @property
    def parts(self) -> dict[str, FittedGate]:
        """The stages by name; what is read off a question is what each of them reads."""
        return self._members.parts

    @property
    def fitted(self) -> bool:
        return bool(self.arrays)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """What every stage reads, side by side; to learn from, all of them are asked."""
        return self._members.features(questions, signals)

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(the closed-book answer is right) by the stage that decides, shape (questions,)."""
        heard = self._members.probabilities(features)
        return self._decided(
            lambda stage, rows: self._weighed(heard[rows, : stage + 1]), len(heard)
        )

    def assess(self, questions: Sequence[Question], signals: Signals) -> list[Verdict | NeedMore]:
        """Judge as far as the signals at hand go, and ask for the next stage's where it is grey."""
        said: list[Verdict | NeedMore | None] = [None] * len(questions)
        heard = np.zeros((len(questions), 0))
        for stage, (name, gate) in enumerate(zip(self.stages, self._members.gates, strict=True)):
            if all(one is not None for one in said):
                break
            features = _read(gate, questions, signals)
            if features is None:
                return [NeedMore(signals_of(gate)) if one is None else one for one in said]
            heard = np.column_stack([heard, gate.probabilities(features)])
            p = self._weighed(heard)
            unsure = self._unsure(stage, p)
            for row, one in enumerate(said):
                if one is None and not unsure[row]:
                    figures = dict(zip(self.stages, map(float, heard[row]), strict=False))
                    found = verdict(p[row], self.threshold, figures)
                    reason = f"{found.reason}, by {name}"
                    said[row] = replace(found, status=f"decided by {name}", reason=reason)
        return [one for one in said if one is not None]

    def acquainted(self, questions: Sequence[str], right: Sequence[bool], *, seed: int = 0) -> Self:
        """Return this gate with stages that have chosen their examples, where they show any."""
        known = self._members.acquainted(questions, right, seed=seed)
        return replace(self, gates=known.gates)

    def fit(self, lesson: Lesson) -> Self:
        """Return this gate with fitted stages, each weighed with those before it.

        Raises:
            DataError: only one class is there, features are not finite, or a stage cannot learn.
        """
        return self.study(lesson)[0]

    def study(self, lesson: Lesson) -> tuple[Self, NDArray[np.float64]]:
        """Return this gate with fitted stages, and P(right) of each question, learned apart.

        Raises:
            DataError: only one class is there, features are not finite, or a stage cannot learn.
        """
        check_lesson(lesson)
        members, apart = self._members.study(lesson, FOLDS)
        own: dict[str, NDArray[Any]] = {}
        said = []
        for stage in range(len(self.stages)):
            stack, p = fit_stack(apart[:, : stage + 1], lesson.right, seed=lesson.seed)
            own |= stack.arrays(f"{stage + 1}.")
            said.append(p)
        fitted = replace(self, gates=members.gates, arrays=Arrays(own))
        return fitted, self._decided(lambda stage, rows: said[stage][rows], len(apart))

    @property
    def learned(self) -> dict[str, NDArray[Any]]:
        return {**self.arrays, **self._members.learned}

    @property
    def options(self) -> dict[str, Any]:
        return {
            "stages": list(self.stages),
            "stage_options": self._members.options,
        }

    def with_artefact(self, artefact: Artefact) -> Self:
        """Return this gate as it was fitted; a threshold that was set by hand stays.

        The grey zones are settings of the service, and are not learned.

        Raises:
            SettingsError: the grey zones are not as many as its stages ask for.
        """
        notes = artefact.card.notes
        members = Members.of(tuple(notes["stages"])).with_artefact(artefact, notes["stage_options"])
        own = {name: array for name, array in artefact.weights.items() if "/" not in name}
        return replace(
            self,
            stages=members.names,
            gates=members.gates,
            arrays=Arrays(own),
            threshold=artefact.card.threshold if self.threshold is None else self.threshold,
        )

    @property
    def _members(self) -> Members:
        return Members.of(self.stages, self.gates)

    def _weighed(self, heard: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(right) by the stages that were heard, of shape (questions, heard)."""
        if not len(heard):
            return np.zeros(0)
        stack = Stack.of(self.arrays, f"{heard.shape[1]}.")
        return np.asarray(heard.mean(axis=1)) if stack is None else stack(logit(heard))

    def _decided(
        self, say: Callable[[int, NDArray[np.bool_]], NDArray[np.float64]], n: int
    ) -> NDArray[np.float64]:
        """P(right) by the stage that decides: the first that is sure of it, shape (n,)."""
        p = np.zeros(n)
        open_ = np.ones(n, dtype=bool)
        for stage in range(len(self.stages)):
            p[open_] = say(stage, open_)
            open_ &= self._unsure(stage, p)
        return p

    def _unsure(self, stage: int, p: NDArray[np.float64]) -> NDArray[np.bool_]:
        if stage == len(self.stages) - 1:
            return np.zeros(len(p), dtype=bool)
        low, high = self.grey[stage if len(self.grey) > 1 else 0]
        return (low <= p) & (p <= high)


def _read(
    gate: FittedGate, questions: Sequence[Question], signals: Signals
) -> NDArray[np.float64] | None:
    """Read what a stage goes by; None where it was not asked for yet."""
    try:
        return gate.features(questions, signals)
    except LookupError as exc:
        # Reading what was not asked for raises this very class; a KeyError is a fault.
        if type(exc) is not LookupError:
            raise
        return None
