"""A probe on the answer: does the model, having said it, hold it to be true?

Azaria and Mitchell 2023, "The internal state of an LLM knows when it's lying" (SAPLMA,
arXiv 2304.13734) train a classifier on the hidden state after a statement's last token. Differences from
the paper: the statement is the model's own greedy answer after its question, and the label whether
that answer is right; one logistic head reads the principal components of five layers, from the
middle up, in place of a perceptron on one; and beside them it reads how the answer's probability is
spread (`rag_router.gates.profile`), which the states do not hold: they see the token that was
chosen, not those that nearly were.

It costs the closed-book answer, and one pass over question and answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.calibration import Calibrator, choose_calibrator
from rag_router.component import STRICT
from rag_router.gates.base import Lesson
from rag_router.gates.learned import FOLDS, LearnedGate
from rag_router.gates.linear import Block, fit_linear, linear_logits
from rag_router.gates.profile import profile_figures, profile_scores
from rag_router.learning.probes import check_width
from rag_router.signals.answer_states import AnswerStates
from rag_router.signals.base import Signal, Signals
from rag_router.signals.closed_book_answer import ClosedBookAnswer
from rag_router.signals.first_token import FirstToken
from rag_router.signals.hidden_states import layer_at, take_layers
from rag_router.types import Question

__all__ = ["AnswerProbeGate"]

_DEPTHS: Final = (4 / 9, 11 / 18, 7 / 9, 8 / 9, 1.0)
_FIGURES: Final = 6
_COMPONENTS: Final = 256


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AnswerProbeGate(LearnedGate):
    """Retrieve when a probe on the states after the answer says that it is wrong.

    Until it is fitted, `p_know` is 0.5.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        max_new_tokens: Longest closed-book answer.
    """

    max_new_tokens: Annotated[int, Field(ge=1, le=256)] = 24

    options_kept: ClassVar[tuple[str, ...]] = ("max_new_tokens",)

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (
            ClosedBookAnswer(self.max_new_tokens),
            FirstToken(self.max_new_tokens),
            AnswerStates(self.max_new_tokens),
        )

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """States of five layers, then six figures, shape (questions, 5 * width + 6)."""
        if not questions:
            return np.zeros((0, _FIGURES))
        answers, firsts, states = (signals.read(signal) for signal in self.needs)
        figures = [
            profile_figures([token.logprob for token in answer.tokens], first)
            for answer, first in zip(answers, firsts, strict=True)
        ]
        layers = [layer_at(depth, len(states[0]) - 1) for depth in _DEPTHS]
        read = np.array([take_layers(state, layers) for state in states], dtype=np.float64)
        return np.column_stack([read, np.array(figures, dtype=np.float64)])

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The head's logit, shape (questions,).

        Raises:
            DataError: the states are of another width than those learned from.
        """
        weights = self.arrays["weights"]
        check_width(features, len(weights))
        return linear_logits(_scored(features), weights, float(self.arrays["bias"][0]))

    def learn(self, lesson: Lesson) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.float64]]:
        head = fit_linear(self.blocks(lesson.features), lesson, components=_COMPONENTS, folds=FOLDS)
        learned: dict[str, NDArray[Any]] = {
            "weights": head.weights.astype(np.float32),
            "bias": np.array([head.bias]),
            "penalty": np.array([head.penalty]),
        }
        return learned, head.apart

    def blocks(self, features: NDArray[np.float64]) -> list[Block]:
        """What belongs together for a linear head: each layer, and the spread of probability."""
        scored = _scored(features)
        states = scored[:, :-_FIGURES].reshape(len(scored), len(_DEPTHS), -1)
        layers = [Block(states[:, place]) for place in range(len(_DEPTHS))]
        return [*layers, Block(scored[:, -_FIGURES:])]

    def curve(self, scores: NDArray[np.float64], lesson: Lesson) -> Calibrator:
        return choose_calibrator(scores, lesson.right, seed=lesson.seed)[0]

    @property
    def notes(self) -> dict[str, Any]:
        """What was chosen while learning, for the artefact's card."""
        return {"penalty": float(self.arrays["penalty"][0])} if self.fitted else {}


def _scored(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities as their log-odds, states as they are."""
    figures = profile_scores(features[:, -_FIGURES:])
    return np.column_stack([features[:, :-_FIGURES], figures])
