"""Gates made of gates: their features side by side, their artefacts in one.

A member is any registered gate that learns. It reads, learns and judges as it does alone; only
its features stand in one array with those of the others, and its learned arrays in one artefact
under its name ("p_ik/weights").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact
from rag_router.calibration import Calibrator, even_folds, logit
from rag_router.errors import SettingsError
from rag_router.gates import GATES
from rag_router.gates.base import FittedGate, Gate, Lesson, signals_of
from rag_router.gates.blocks import join_blocks, part_blocks
from rag_router.signals.base import Signal, Signals
from rag_router.types import Question

__all__ = ["Members"]


@dataclass(frozen=True, slots=True)
class Members:
    """Some gates by name, in order.

    Attributes:
        names: Under which their artefacts are kept.
        gates: One for each name.
    """

    names: tuple[str, ...]
    gates: tuple[FittedGate, ...]

    @classmethod
    def of(cls, names: Sequence[str], gates: Sequence[FittedGate] = ()) -> Self:
        """Build gates by name, unless they are given.

        Raises:
            UnknownNameError: no gate goes by a name.
            SettingsError: there is no name, a name stands twice, or a gate learns nothing.
        """
        if not names or len(set(names)) < len(names):
            raise SettingsError(
                f"gates are named once each, and at least one; saw {list(names)}.",
                hint=f"Those that learn: {', '.join(_learning())}.",
            )
        built: tuple[Gate, ...] = tuple(gates) or tuple(GATES.build(name) for name in names)
        if len(built) != len(names):
            raise SettingsError(f"{len(names)} names were given for {len(built)} gates.")
        members = []
        for name, gate in zip(names, built, strict=True):
            if not isinstance(gate, FittedGate):
                raise SettingsError(
                    f"the gate {name!r} learns nothing, so that it cannot be combined.",
                    hint=f"Those that learn: {', '.join(_learning())}.",
                )
            members.append(gate)
        return cls(tuple(names), tuple(members))

    @property
    def signals(self) -> tuple[Signal[Any], ...]:
        """Every signal that any of them reads."""
        return tuple(dict.fromkeys(s for gate in self.gates for s in signals_of(gate)))

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """What each reads off the questions, side by side."""
        return join_blocks([gate.features(questions, signals) for gate in self.gates])

    def parted(self, features: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Each one's own features."""
        return part_blocks(features, len(self.gates))

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each makes of the questions, shape (questions, members)."""
        parts = self.parted(features)
        return np.column_stack(
            [
                gate.probabilities(part) if len(part) else np.zeros(0)
                for gate, part in zip(self.gates, parts, strict=True)
            ]
        )

    def fit(self, lesson: Lesson) -> Members:
        """Let each learn from its own features.

        Raises:
            DataError: a member cannot learn from them.
        """
        parts = self.parted(lesson.features)
        gates = [
            gate.fit(replace(lesson, features=part))
            for gate, part in zip(self.gates, parts, strict=True)
        ]
        return replace(self, gates=tuple(gates))

    def logits_apart(self, lesson: Lesson, folds: int) -> NDArray[np.float64]:
        """What each makes of questions that it did not learn from.

        Args:
            lesson: What is learned from.
            folds: Of the cross-fitting, where a member does none of its own.

        Returns:
            Log-odds, shape (n, members).
        """
        parts = self.parted(lesson.features)
        columns = [
            _logits_apart(gate, replace(lesson, features=part), folds)
            for gate, part in zip(self.gates, parts, strict=True)
        ]
        return np.column_stack(columns)

    @property
    def learned(self) -> dict[str, NDArray[Any]]:
        """Everyone's arrays, each under the member's name."""
        return {
            f"{name}/{key}": array
            for name, gate in zip(self.names, self.gates, strict=True)
            for key, array in gate.learned.items()
        }

    @property
    def options(self) -> dict[str, Any]:
        """Everyone's options, by name."""
        return {name: dict(gate.options) for name, gate in zip(self.names, self.gates, strict=True)}

    def with_artefact(self, artefact: Artefact, options: Mapping[str, Any]) -> Members:
        """Return the members as they were fitted.

        Args:
            artefact: What `learned` was kept in.
            options: What `options` returned.
        """
        gates = []
        for name, gate in zip(self.names, self.gates, strict=True):
            start = f"{name}/"
            own = {
                key.removeprefix(start): array
                for key, array in artefact.weights.items()
                if key.startswith(start)
            }
            # The threshold is the whole gate's; a member only gives its probability.
            card = replace(
                artefact.card,
                method=f"gate/{name}",
                notes=options[name],
                threshold=None,
                threshold_goal="",
            )
            gates.append(gate.with_artefact(Artefact(card=card, weights=own)))
        return replace(self, gates=tuple(gates))


@runtime_checkable
class _CrossFitted(Protocol):
    """A gate that scores each question by what it learned from others while it learns."""

    def learn(self, lesson: Lesson) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.float64]]: ...

    def curve(self, scores: NDArray[np.float64], lesson: Lesson) -> Calibrator: ...


def _logits_apart(gate: FittedGate, lesson: Lesson, folds: int) -> NDArray[np.float64]:
    if isinstance(gate, _CrossFitted):
        # It crosses folds inside; crossing them outside as well would be thirty fits for one.
        _, scores = gate.learn(lesson)
        return logit(gate.curve(scores, lesson)(scores))
    fold = even_folds(lesson.right, folds, lesson.seed)
    out = np.empty(len(fold))
    for number in range(folds):
        rest, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        out[test] = logit(gate.fit(lesson.pick(rest)).probabilities(lesson.features[test]))
    return out


def _learning() -> list[str]:
    return [name for name in GATES if hasattr(GATES.get(name), "with_artefact")]
