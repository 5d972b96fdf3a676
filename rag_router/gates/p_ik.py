"""P(IK): the probability that the model knows, read off its state before it says anything.

Kadavath et al. 2022, "Language models (mostly) know what they know" (arXiv 2207.05221): a head on
the state of the last prompt token is trained to predict what share of sampled answers is right,

    L = -( s log sigma(v) + (1 - s) log(1 - sigma(v)) ),    s the share, v the head's logit.

Theirs is trained together with the whole model and reads its last layer. This is the frozen
variant: the model stays as it is, and a probe is fitted to each of several layers, since the
middle ones tell more. By cross-validation it is chosen how many principal components of a layer
are read and under which penalty, alike for all layers, and which layers' logits are averaged;
then, which curve turns them into a probability (`rag_router.calibration.choice`). It costs no pass
and no step beyond the closed-book pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.calibration import Calibrator, Platt, choose_calibrator, even_folds
from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.gates.base import Lesson
from rag_router.gates.learned import FOLDS, LearnedGate
from rag_router.gates.perceptron import Perceptron, train
from rag_router.gates.probes import Projection, cross_entropies, logistic_path, logits_apart
from rag_router.signals.base import Signal, Signals
from rag_router.signals.hidden_states import HiddenStates, layer_at, take_layers
from rag_router.types import Question

__all__ = ["PIKGate"]

_DEPTHS: Final = tuple(k / 9 for k in range(3, 10))
"""From a third of the depth up: every second layer of 18."""

_COMPONENTS: Final = (32, 64, 128)
_PENALTIES: Final = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_HARMLESS: Final = 0.01
"""A set of layers does no harm if its loss is at most this share above the least."""

_PERCEPTRON_LAYERS: Final = 3  # each is as large as sixteen probes
_PERCEPTRON_COMPONENTS: Final = 64
_HIDDEN, _STEPS, _BATCH, _DECAY = 16, 300, 256, 3.0


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PIKGate(LearnedGate):
    """Retrieve when a probe on the hidden states says the model does not know.

    Until it is fitted, `p_know` is 0.5.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        layers: Layers to choose from, 0 being the embedding; none takes seven, from a third of
            the depth up to the last.
        head: A logistic probe, or a perceptron with one hidden layer of 16 units.
    """

    layers: tuple[Annotated[int, Field(ge=0)], ...] = ()
    head: Literal["logistic", "mlp"] = "logistic"

    options_kept: ClassVar[tuple[str, ...]] = ("layers", "head")

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (HiddenStates(),)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """The candidate layers, one after the other, shape (questions, layers * width).

        Raises:
            SettingsError: the model has no such layer.
            DataError: hidden states are not finite.
        """
        del questions
        return self._rows(signals.read(HiddenStates()))

    def p_ik_of(self, hidden: ArrayLike) -> NDArray[np.float64]:
        """P(IK) after any prompt, for what stands in it to be judged by how P(IK) rises.

        Args:
            hidden: The last prompt token's hidden states, (layers + 1, width) of one prompt or
                (prompts, layers + 1, width) of several.

        Returns:
            Probabilities, shape (prompts,); 0.5 until fitted.

        Raises:
            DataError: the states are not finite, or of another width than those learned from.
        """
        states = np.asarray(hidden, dtype=np.float32)
        rows = self._rows(list(states if states.ndim == 3 else states[None]))
        if not np.isfinite(rows).all():
            raise DataError("hidden states are not finite.", hint="Load the model in float32.")
        return self.probabilities(rows)

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean of the chosen layers' logits."""
        return np.asarray(self._logits(features).mean(axis=1))

    def figures(self, features: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """The logit, and how far the layers are of one mind about it."""
        logits = self._logits(features)
        return {"logit": logits.mean(axis=1), "logit_spread": logits.std(axis=1)}

    def learn(self, lesson: Lesson) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.float64]]:
        states = self._by_layer(lesson.features)
        target = lesson.right.astype(np.float64) if lesson.share is None else lesson.share
        fold = even_folds(lesson.right, FOLDS, lesson.seed)
        choice = _choose(states, target, fold)
        if self.head == "mlp":
            best = sorted(choice.best[:_PERCEPTRON_LAYERS])
            return _perceptrons(states, target, fold, best, lesson.seed)
        chosen = _agreeing(choice, lesson.right)
        solved = [_solve(states[:, place], target, choice) for place in chosen]
        arrays = {
            "chosen": np.array(chosen, dtype=np.int64),
            "components": np.array([choice.components]),
            "penalty": np.array([choice.penalty]),
            "weights": np.array([weights for weights, _ in solved], dtype=np.float32),
            "biases": np.array([bias for _, bias in solved]),
        }
        return arrays, np.asarray(choice.logits[chosen].mean(axis=0))

    def curve(self, scores: NDArray[np.float64], lesson: Lesson) -> Calibrator:
        return choose_calibrator(scores, lesson.right, seed=lesson.seed)[0]

    @property
    def notes(self) -> dict[str, Any]:
        """What was chosen while learning, for the artefact's card."""
        if not self.fitted:
            return {}
        chosen = [int(place) for place in self.arrays["chosen"]]
        named = self.layers or [f"{depth:.2f} of the depth" for depth in _DEPTHS]
        notes: dict[str, Any] = {"chosen_layers": [named[place] for place in chosen]}
        if self.head == "logistic":
            notes["components"] = int(self.arrays["components"][0])
            notes["penalty"] = float(self.arrays["penalty"][0])
        return notes

    def _rows(self, states: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        if not states:
            return np.zeros((0, 0))
        depth = len(states[0]) - 1
        layers = self.layers or tuple(layer_at(share, depth) for share in _DEPTHS)
        return np.array([take_layers(state, layers) for state in states], dtype=np.float64)

    def _by_layer(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return features.reshape(len(features), len(self.layers or _DEPTHS), -1)

    def _logits(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The logit of each chosen layer, shape (questions, chosen layers)."""
        states = self._by_layer(features)[:, self.arrays["chosen"]]
        wanted = self.arrays["weights" if self.head == "logistic" else "0.first"].shape
        width = wanted[-1] if self.head == "logistic" else wanted[0]
        if states.shape[2] != width:
            raise DataError(
                f"hidden states of width {states.shape[2]} were given to a probe of {width}.",
                hint="Give those of the model that the gate was fitted for.",
            )
        if self.head == "logistic":
            weights = self.arrays["weights"].astype(np.float64)
            return np.asarray(np.einsum("nld,ld->nl", states, weights) + self.arrays["biases"])
        heads = [Perceptron.of(self.arrays, f"{n}.") for n in range(states.shape[1])]
        return np.column_stack([head(states[:, n]) for n, head in enumerate(heads)])


class _Choice(NamedTuple):
    """How probes are fitted, and what they make of questions that they did not learn from.

    Attributes:
        components: Principal components of each layer.
        penalty: On the weights.
        logits: Cross-fitted, of each layer, shape (layers, n).
        best: The layers, the one of least loss first.
    """

    components: int
    penalty: float
    logits: NDArray[np.float64]
    best: list[int]


def _choose(
    states: NDArray[np.float64], target: NDArray[np.float64], fold: NDArray[np.int64]
) -> _Choice:
    """Choose what suits all layers on average: a choice for each would follow the noise."""
    tried = []
    for place in range(states.shape[1]):
        # The projection knows no labels, so that it may know all questions.
        z = Projection.of(states[:, place], max(_COMPONENTS))(states[:, place])
        tried.append([logits_apart(z[:, :c], target, _PENALTIES, fold) for c in _COMPONENTS])
    logits = np.array(tried)
    losses = cross_entropies(logits, target)
    mean = losses.mean(axis=0)
    first, second = np.unravel_index(int(mean.argmin()), mean.shape)
    best = np.argsort(losses[:, first, second], kind="stable")
    return _Choice(
        _COMPONENTS[first], _PENALTIES[second], logits[:, first, second], [int(b) for b in best]
    )


def _agreeing(choice: _Choice, right: NDArray[np.bool_]) -> list[int]:
    """Choose how many of the best layers are averaged: as many as do no harm."""
    losses = []
    for count in range(1, len(choice.best) + 1):
        mean = choice.logits[choice.best[:count]].mean(axis=0)
        # An average of logits is less sure than any of them; the curve makes up for that later.
        curve = Platt.fit(mean, right)
        logits = curve.slopes[0] * mean + curve.intercept
        losses.append(float(cross_entropies(logits, right.astype(np.float64))))
    harmless = np.flatnonzero(np.array(losses) <= min(losses) * (1 + _HARMLESS))
    return sorted(choice.best[: int(harmless[-1]) + 1])


def _solve(
    states: NDArray[np.float64], target: NDArray[np.float64], choice: _Choice
) -> tuple[NDArray[np.float64], float]:
    """Fit a probe to all questions; return its weights on the states themselves, and its bias."""
    projection = Projection.of(states, choice.components)
    beta = logistic_path(projection(states), target, [choice.penalty])[0]
    weights, bias = projection.unfold(beta[:-1, None], beta[-1:])
    return weights[:, 0], float(bias[0])


def _perceptrons(
    states: NDArray[np.float64],
    target: NDArray[np.float64],
    fold: NDArray[np.int64],
    chosen: Sequence[int],
    seed: int,
) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.float64]]:
    arrays: dict[str, NDArray[Any]] = {"chosen": np.array(chosen, dtype=np.int64)}
    apart = np.zeros(len(target))
    for number, place in enumerate(chosen):
        projection = Projection.of(states[:, place], _PERCEPTRON_COMPONENTS)
        z = projection(states[:, place])
        for left_out in range(FOLDS):
            rest, test = fold != left_out, fold == left_out
            head = _perceptron(z[rest], target[rest], seed)
            apart[test] += head(z[test])[:, 0] / len(chosen)
        whole = _perceptron(z, target, seed).behind(projection)
        arrays |= whole.arrays(f"{number}.")
    return arrays, apart


def _perceptron(z: NDArray[np.float32], target: NDArray[np.float64], seed: int) -> Perceptron:
    inputs, targets = torch.from_numpy(z), torch.from_numpy(target).float()

    def loss(forward: Any, draw: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(inputs), (_BATCH,), generator=draw)
        return torch.nn.functional.binary_cross_entropy_with_logits(
            forward(inputs[rows])[:, 0], targets[rows]
        )

    return train(
        loss,
        width=z.shape[1],
        hidden=_HIDDEN,
        outputs=1,
        steps=_STEPS,
        seed=seed,
        decay=_DECAY,
    )
