"""What gates share that read one layer of the last prompt token's hidden states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.learned import LearnedGate
from rag_router.signals.base import Signal, Signals
from rag_router.signals.hidden_states import HiddenStates, layer_at, take_layers
from rag_router.types import Question

__all__ = ["LayerGate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LayerGate(LearnedGate):
    """A score learned on one layer. Subclasses say which score.

    Args:
        layer: Which layer is read, 0 being the embedding; none takes the usual one.
    """

    layer: Annotated[int, Field(ge=0)] | None = None

    usual_depth: ClassVar[float] = 1.0
    """Where the layer stands that is read unless another one is named; 1 is the last."""

    options_kept: ClassVar[tuple[str, ...]] = ("layer",)

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (HiddenStates(),)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """The layer as it is, shape (questions, width).

        Raises:
            SettingsError: the model has no such layer.
            DataError: hidden states are not finite.
        """
        del questions
        states = signals.read(HiddenStates())
        if not states:
            return np.zeros((0, 0))
        usual = layer_at(self.usual_depth, len(states[0]) - 1)
        layer = usual if self.layer is None else self.layer
        return np.array([take_layers(state, (layer,)) for state in states], dtype=np.float64)
