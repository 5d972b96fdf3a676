"""The profile of the closed-book answer: how its probability is spread, not only how low it gets.

Our own, in the family of Open-RAG's confidence gate (Islam et al. 2024, arXiv 2410.01782). The
minimum token probability mistakes two kinds of answers: names that can begin in several ways look
unsure though they are known, and invented numbers that go on smoothly after a sure first token
look known. So the answer o_1..o_m is described by

    first = p(o_1)                        mass  = p(any way to begin its names; signals/first_token)
    rest  = min_{i>1} p(o_i), 1 if m = 1   mean  = (prod_i p(o_i))^(1/m)
    minimum = min_i p(o_i)                 H     = entropy of the first token

and a logistic curve over the log-odds of the five probabilities and H gives `p_know`
(Platt 1999). It reads what is there already and costs no pass and no step more than `confidence`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.calibration import logit
from rag_router.component import STRICT
from rag_router.gates.scored import ScoredGate
from rag_router.signals.base import Signal, Signals
from rag_router.signals.closed_book_answer import (
    ClosedBookAnswer,
    geometric_mean_probability,
    minimum_probability,
)
from rag_router.signals.first_token import FirstToken, FirstTokenFigures
from rag_router.types import Question

__all__ = ["ProfileGate", "profile_figures", "profile_scores"]

_NAMES = ("first", "mass", "rest", "mean", "minimum", "entropy_nats")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ProfileGate(ScoredGate):
    """Retrieve when the spread of the answer's probability says it is not known.

    Until it is fitted, `p_know` is the bare minimum probability, with the mass in place of the
    first token's.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
        max_new_tokens: Longest closed-book answer.
    """

    max_new_tokens: Annotated[int, Field(ge=1, le=256)] = 24

    options_kept: ClassVar[tuple[str, ...]] = ("max_new_tokens",)
    penalty: ClassVar[float] = 1e-3

    @property
    def names(self) -> tuple[str, ...]:
        return _NAMES

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (ClosedBookAnswer(self.max_new_tokens), FirstToken(self.max_new_tokens))

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Describe the answers, shape (questions, 6): five probabilities and the entropy."""
        del questions
        answers = signals.read(ClosedBookAnswer(self.max_new_tokens))
        firsts = signals.read(FirstToken(self.max_new_tokens))
        rows = [
            profile_figures([token.logprob for token in answer.tokens], first)
            for answer, first in zip(answers, firsts, strict=True)
        ]
        return np.array(rows, dtype=np.float64).reshape(len(answers), len(_NAMES))

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return profile_scores(features)

    def bare(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.minimum(features[:, 1], features[:, 2])


def profile_figures(logprobs: Sequence[float], first: FirstTokenFigures) -> tuple[float, ...]:
    """Describe one answer: first, mass, rest, mean and minimum probability, and the entropy."""
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


def profile_scores(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of the five probabilities, and the entropy as it is."""
    return np.column_stack([logit(features[:, :5]), features[:, 5]])
