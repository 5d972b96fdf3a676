"""Which experts of a mixture-of-experts model read the last token of the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import SettingsError
from rag_router.signals.base import Board, Reading, Requirements
from rag_router.signals.closed_book import ClosedBookPass

__all__ = ["RouterActivations"]


@dataclass(frozen=True, slots=True)
class RouterActivations:
    """Read off the closed-book pass; costs nothing extra."""

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"router_activations"}))

    @property
    def name(self) -> str:
        return "router_activations"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[NDArray[np.bool_]]]:
        """Return for each row whether each expert was chosen, bool of shape (layers, experts).

        Raises:
            SettingsError: the model has no routers that can be read.
        """
        readings = []
        for one in board.read(ClosedBookPass(), rows):
            if one.experts is None:
                raise SettingsError(
                    f"{board.model.name} shows no routers.",
                    hint="Use a mixture-of-experts model of the Mixtral or OLMoE kind.",
                )
            readings.append(Reading(one.experts.cpu().numpy()))
        return readings
