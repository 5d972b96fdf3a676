"""P(IK): the probability that the model knows, read off its state before it says anything.

Kadavath et al. 2022, "Language models (mostly) know what they know" (arXiv 2207.05221): a head on
the state of the last prompt token is trained to predict what share of sampled answers is right,

    L = -( s log sigma(v) + (1 - s) log(1 - sigma(v)) ),    s the share, v the head's logit.

Theirs is trained together with the whole model and reads its last layer. This is the frozen
variant: the model stays as it is, and a probe reads what the closed-book pass leaves. Which of
three heads is fitted is a setting:

    joined      one logistic probe on the principal components of seven layers, from a third of the
                depth up, and on the shape of the next-token distribution
                (`rag_router.signals.first_distribution`): what the states say of a question's kind
                and what the distribution says of this very question add up
    logistic    a probe on each layer; the logits of those that tell most are averaged
    mlp         the same with a perceptron of 16 units on each

The penalty, and for the latter two the layers and the number of components, are chosen by
cross-validation; so is the curve that turns logits into a probability
(`rag_router.calibration.choice`). It costs no pass and no step beyond the closed-book pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.calibration import Calibrator, choose_calibrator
from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.gates.base import Lesson
from rag_router.gates.learned import FOLDS, LearnedGate
from rag_router.gates.linear import Block, fit_linear, linear_logits
from rag_router.gates.perceived_layers import fit_perceptrons, perceptron_logits
from rag_router.gates.probed_layers import fit_probes, probe_logits
from rag_router.learning.probes import check_width
from rag_router.signals.base import Signal, Signals
from rag_router.signals.first_distribution import (
    LIKELIEST,
    SHAPE_FIGURES,
    FirstDistribution,
    distribution_figures,
)
from rag_router.signals.hidden_states import HiddenStates, layer_at, take_layers
from rag_router.types import Question

__all__ = ["PIKGate"]

_DEPTHS: Final = tuple(k / 9 for k in range(3, 10))
"""From a third of the depth up: every second layer of 18."""

_COMPONENTS: Final = 256
"""Of each layer, for the joined head: what tells right from wrong is spread over many."""

_HEADS: Final = {
    "logistic": (fit_probes, probe_logits),
    "mlp": (fit_perceptrons, perceptron_logits),
}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PIKGate(LearnedGate):
    """Retrieve when a probe on the hidden states says the model does not know.

    Until it is fitted, `p_know` is the probability of the likeliest first token: a figure that is
    not calibrated, and is there at no cost.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        layers: Layers to choose from, 0 being the embedding; none takes seven, from a third of
            the depth up to the last.
        head: One probe on all layers and the next-token distribution; a probe on each layer; or
            a perceptron with one hidden layer of 16 units on each.
    """

    layers: tuple[Annotated[int, Field(ge=0)], ...] = ()
    head: Literal["joined", "logistic", "mlp"] = "joined"

    options_kept: ClassVar[tuple[str, ...]] = ("layers", "head")

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (HiddenStates(), FirstDistribution())

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """The candidate layers, one after the other, and the shape of the distribution.

        Returns:
            Shape (questions, layers * width + SHAPE_FIGURES).

        Raises:
            SettingsError: the model has no such layer.
            DataError: hidden states are not finite.
        """
        del questions
        shapes = signals.read(FirstDistribution())
        return self._rows(signals.read(HiddenStates()), shapes)

    def p_ik_of(self, hidden: ArrayLike, logits: ArrayLike) -> NDArray[np.float64]:
        """P(IK) after any prompt, for what stands in it to be judged by how P(IK) rises.

        Args:
            hidden: The last prompt token's hidden states, (layers + 1, width) of one prompt or
                (prompts, layers + 1, width) of several.
            logits: Of the next token, (vocabulary,) or (prompts, vocabulary).

        Returns:
            Probabilities, shape (prompts,).

        Raises:
            DataError: the states are not finite, or of another width than those learned from.
        """
        states = np.asarray(hidden, dtype=np.float32)
        following = torch.as_tensor(np.asarray(logits, dtype=np.float32))
        shapes = distribution_figures(following if following.ndim == 2 else following[None])
        rows = self._rows(list(states if states.ndim == 3 else states[None]), list(shapes))
        if not np.isfinite(rows).all():
            raise DataError("hidden states are not finite.", hint="Load the model in float32.")
        return self.probabilities(rows)

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The head's logit; of several layers, their mean."""
        return np.asarray(self._logits(features).mean(axis=1))

    def bare(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.exp(np.minimum(features[:, -SHAPE_FIGURES + LIKELIEST], 0.0)))

    def figures(self, features: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """The logit, and how far the layers are of one mind about it, where each says its own."""
        logits = self._logits(features)
        shown: dict[str, NDArray[np.float64]] = {"logit": logits.mean(axis=1)}
        return shown if self.head == "joined" else shown | {"logit_spread": logits.std(axis=1)}

    def learn(self, lesson: Lesson) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.float64]]:
        if self.head != "joined":
            fit, _ = _HEADS[self.head]
            return fit(self._by_layer(lesson.features), lesson)
        head = fit_linear(self.blocks(lesson.features), lesson, components=_COMPONENTS, folds=FOLDS)
        learned: dict[str, NDArray[Any]] = {
            "joined": head.weights.astype(np.float32),
            "bias": np.array([head.bias]),
            "penalty": np.array([head.penalty]),
        }
        return learned, head.apart

    def blocks(self, features: NDArray[np.float64]) -> list[Block]:
        """What belongs together for a linear head: each layer, and the distribution's shape."""
        states = self._by_layer(features)
        layers = [Block(states[:, place]) for place in range(states.shape[1])]
        return [*layers, Block(features[:, -SHAPE_FIGURES:])]

    def curve(self, scores: NDArray[np.float64], lesson: Lesson) -> Calibrator:
        return choose_calibrator(scores, lesson.right, seed=lesson.seed)[0]

    @property
    def notes(self) -> dict[str, Any]:
        """What was chosen while learning, for the artefact's card."""
        if not self.fitted:
            return {}
        if self.head == "joined":
            return {"penalty": float(self.arrays["penalty"][0])}
        chosen = [int(place) for place in self.arrays["chosen"]]
        named = self.layers or [f"{depth:.2f} of the depth" for depth in _DEPTHS]
        notes: dict[str, Any] = {"chosen_layers": [named[place] for place in chosen]}
        if self.head == "logistic":
            notes["components"] = int(self.arrays["components"][0])
            notes["penalty"] = float(self.arrays["penalty"][0])
        return notes

    def _rows(
        self, states: Sequence[NDArray[np.float32]], shapes: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float64]:
        if not states:
            return np.zeros((0, 0))
        depth = len(states[0]) - 1
        layers = self.layers or tuple(layer_at(share, depth) for share in _DEPTHS)
        read = np.array([take_layers(state, layers) for state in states], dtype=np.float64)
        return np.column_stack([read, np.array(shapes, dtype=np.float64)])

    def _by_layer(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        states = features[:, :-SHAPE_FIGURES]
        return states.reshape(len(features), len(self.layers or _DEPTHS), -1)

    def _logits(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The logit of each chosen layer, or of all together, shape (questions, logits)."""
        if self.head == "joined":
            weights, bias = self.arrays["joined"], float(self.arrays["bias"][0])
            layers = len(self.layers or _DEPTHS)
            check_width(self._by_layer(features), (len(weights) - SHAPE_FIGURES) // layers)
            return linear_logits(features, weights, bias)[:, None]
        _, logits = _HEADS[self.head]
        return logits(self.arrays, self._by_layer(features))
