"""The hidden states of the last prompt token: what the model makes of the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError, SettingsError
from rag_router.signals.base import Board, Reading, Requirements
from rag_router.signals.closed_book import ClosedBookPass

__all__ = ["HiddenStates", "layer_at", "take_layers"]


@dataclass(frozen=True, slots=True)
class HiddenStates:
    """Read off the closed-book pass; costs nothing extra."""

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"hidden_states"}))

    @property
    def name(self) -> str:
        return "hidden_states"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[NDArray[np.float32]]]:
        """Return for each row float32 of shape (layers + 1, width); entry 0 is the embedding.

        Raises:
            DataError: hidden states are not finite; says of which questions.
        """
        states = [one.hidden.float().cpu().numpy() for one in board.read(ClosedBookPass(), rows)]
        broken = [
            board.questions[row].id
            for row, state in zip(rows, states, strict=True)
            if not np.isfinite(state).all()
        ]
        if broken:
            shown = ", ".join(map(repr, broken[:5])) + (", …" if len(broken) > 5 else "")
            raise DataError(
                f"{board.model.name} computes hidden states that are not finite for {shown}.",
                hint="Load the model in float32: [generator] dtype = 'float32'.",
            )
        return [Reading(state) for state in states]


def layer_at(depth: float, layers: int) -> int:
    """Return the layer nearest to a share of the depth, where 0 is the embedding and 1 the last.

    Args:
        depth: In [0, 1].
        layers: How many the model has, the embedding not counted.
    """
    return round(depth * layers)


def take_layers(state: NDArray[np.float32], layers: Sequence[int]) -> NDArray[np.float32]:
    """Return some layers of a question's hidden states, one after the other in one row.

    Raises:
        SettingsError: the model has no such layer.
    """
    last = len(state) - 1
    for layer in layers:
        if not 0 <= layer <= last:
            raise SettingsError(
                f"there is no layer {layer}.",
                hint=f"This model has 0, which is the embedding, to {last}.",
            )
    return state[list(layers)].reshape(-1)
