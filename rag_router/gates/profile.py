"""The profile of the closed-book answer: how its probability is spread, not only how low it gets.

Our own, in the family of Open-RAG's confidence gate (Islam et al. 2024, arXiv 2410.01782). The
minimum token probability mistakes two kinds of answers: names that can begin in several ways look
unsure though they are known, and invented numbers that go on smoothly after a sure first token
look known. So the answer o_1..o_m is described by

    first = p(o_1)                         mass  = p(any way to begin its names; signals/first_token)
    rest  = min_{i>1} p(o_i), 1 if m = 1   mean  = (prod_i p(o_i))^(1/m)
    minimum = min_i p(o_i)                 H     = entropy of the first token

and a logistic curve over the log-odds of the five probabilities and H gives `p_know`
(Platt 1999). It reads what is there already and costs no pass and no step more than `confidence`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.artefacts import Artefact
from rag_router.calibration import Platt, logit
from rag_router.component import STRICT
from rag_router.gates.base import LabelledAnswer, verdict
from rag_router.signals.base import Signal, Signals
from rag_router.signals.closed_book_answer import (
    ClosedBookAnswer,
    geometric_mean_probability,
    minimum_probability,
)
from rag_router.signals.first_token import FirstToken, FirstTokenFigures
from rag_router.types import Question, Verdict

__all__ = ["ProfileGate"]

_NAMES = ("first", "mass", "rest", "mean", "minimum", "entropy_nats")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ProfileGate:
    """Retrieve when the spread of the answer's probability says it is not known.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        max_new_tokens: Longest closed-book answer.
        curve: Six slopes and the intercept; empty until fitted, and then `p_know` is the bare
            minimum probability, with the mass in place of the first token's.
    """

    threshold: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    max_new_tokens: Annotated[int, Field(ge=1, le=256)] = 24
    curve: tuple[float, ...] = ()

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (ClosedBookAnswer(self.max_new_tokens), FirstToken(self.max_new_tokens))

    @property
    def fitted(self) -> bool:
        return bool(self.curve)

    def assess(self, questions: Sequence[Question], signals: Signals) -> list[Verdict]:
        del questions
        answers = signals.read(ClosedBookAnswer(self.max_new_tokens))
        firsts = signals.read(FirstToken(self.max_new_tokens))
        rows = [
            _figures([token.logprob for token in answer.tokens], first)
            for answer, first in zip(answers, firsts, strict=True)
        ]
        return [
            verdict(p, self.threshold, dict(zip(_NAMES, row, strict=True)))
            for p, row in zip(self.probabilities(np.array(rows)), rows, strict=True)
        ]

    def features(self, labelled: Sequence[LabelledAnswer]) -> NDArray[np.float64]:
        """Describe answers, shape (answers, 6): five probabilities and the entropy."""
        return np.array([_figures(one.logprobs, one.first) for one in labelled])

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(the answer is right), shape (answers,)."""
        if self.curve:
            return Platt(self.curve[:-1], self.curve[-1])(_log_odds(features))
        return np.minimum(features[:, 1], features[:, 2])

    def fit(self, features: NDArray[np.float64], right: Sequence[bool]) -> ProfileGate:
        """Return this gate with a curve fitted to answers known to be right or wrong.

        Raises:
            DataError: only one class is there.
        """
        platt = Platt.fit(_log_odds(features), right, penalty=1e-3)
        return replace(self, curve=(*platt.slopes, platt.intercept))

    @property
    def learned(self) -> dict[str, NDArray[np.float64]]:
        return {"curve": np.asarray(self.curve, dtype=np.float64)}

    @property
    def options(self) -> dict[str, Any]:
        return {"max_new_tokens": self.max_new_tokens}

    def with_artefact(self, artefact: Artefact) -> ProfileGate:
        """Return this gate as it was fitted; a threshold that was set by hand stays."""
        return replace(
            self,
            max_new_tokens=int(artefact.card.notes["max_new_tokens"]),
            threshold=artefact.card.threshold if self.threshold is None else self.threshold,
            curve=tuple(float(c) for c in artefact.weights["curve"]),
        )


def _figures(logprobs: Sequence[float], first: FirstTokenFigures) -> tuple[float, ...]:
    if not logprobs:  # an empty answer is known to be no answer
        return (0.0, 0.0, 0.0, 0.0, 0.0, first.entropy_nats)
    p_first = minimum_probability(logprobs[:1])
    return (
        p_first,
        max(p_first, first.mass),
        minimum_probability(logprobs[1:]) if len(logprobs) > 1 else 1.0,
        geometric_mean_probability(logprobs),
        minimum_probability(logprobs),
        first.entropy_nats,
    )


def _log_odds(features: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([logit(features[:, :5]), features[:, 5]])
