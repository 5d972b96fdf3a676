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
from rag_router.calibration import logit
from rag_router.errors import SettingsError
from rag_router.gates import GATES
from rag_router.gates.base import AcquaintedGate, FittedGate, Gate, Lesson, signals_of, study
from rag_router.gates.blocks import join_blocks, part_blocks
from rag_router.gates.linear import Block
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

    @property
    def parts(self) -> dict[str, FittedGate]:
        """The gates by name."""
        return dict(zip(self.names, self.gates, strict=True))

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """What each reads off the questions, side by side."""
        return join_blocks([gate.features(questions, signals) for gate in self.gates])

    def parted(self, features: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Each one's own features."""
        return part_blocks(features, len(self.gates))

    def blocks(self, features: NDArray[np.float64]) -> list[Block]:
        """The blocks of those that read several; empty where fewer than two do."""
        found = [
            gate.blocks(part)
            for gate, part in zip(self.gates, self.parted(features), strict=True)
            if isinstance(gate, _Blocked)
        ]
        return [block for one in found for block in one] if len(found) > 1 else []

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each makes of the questions, shape (questions, members)."""
        parts = self.parted(features)
        return np.column_stack(
            [
                gate.probabilities(part) if len(part) else np.zeros(0)
                for gate, part in zip(self.gates, parts, strict=True)
            ]
        )

    def acquainted(
        self, questions: Sequence[str], right: Sequence[bool], *, seed: int = 0
    ) -> Members:
        """Let those choose examples that read questions beside some; see `AcquaintedGate`."""
        gates = tuple(
            gate.acquainted(questions, right, seed=seed)
            if isinstance(gate, AcquaintedGate)
            else gate
            for gate in self.gates
        )
        return replace(self, gates=gates)

    def study(self, lesson: Lesson, folds: int) -> tuple[Members, NDArray[np.float64]]:
        """Let each learn from its own features.

        Args:
            lesson: What is learned from.
            folds: Of the cross-fitting, where a member does none of its own.

        Returns:
            The members as they were fitted, and the log-odds that each gives to questions that it
            did not learn from, shape (n, members).

        Raises:
            DataError: a member cannot learn from them.
        """
        parts = self.parted(lesson.features)
        studied = [
            study(gate, replace(lesson, features=part), folds=folds)
            for gate, part in zip(self.gates, parts, strict=True)
        ]
        gates = tuple(gate for gate, _ in studied)
        return replace(self, gates=gates), logit(np.column_stack([p for _, p in studied]))

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
class _Blocked(Protocol):
    """A gate with a linear head on several blocks of features."""

    def blocks(self, features: NDArray[np.float64]) -> list[Block]: ...


def _learning() -> list[str]:
    return [name for name in GATES if hasattr(GATES.get(name), "with_artefact")]
