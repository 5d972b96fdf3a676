"""Does the question make the answer likely, or is the answer likely anyway?

Pointwise mutual information of question and answer (Holtzman et al. 2021, "Surface form
competition", arXiv 2104.08315, there PMI_DC and used to choose among answers):

    PMI = log p(o | q) - log p(o | prompt without question)

A model that does not know says what answers of this kind tend to be: a frequent name, a round
number. Such answers are likely with the question and without it. Both log-probabilities are
described by four figures,

    sum_i log p(o_i)     min_i log p(o_i)     log p(o_1)     mean_i log p(o_i)

and a logistic curve over the eight gives `p_know` (Platt 1999), so that what is fitted is how much
the prior counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.linear import Block
from rag_router.gates.scored import ScoredGate
from rag_router.signals.answer_prior import AnswerPrior
from rag_router.signals.base import Signal, Signals
from rag_router.signals.closed_book_answer import ClosedBookAnswer
from rag_router.types import Question

__all__ = ["AnswerPMIGate"]

_LEAST: Final = -30.0
"""Log-probabilities below, and of an empty answer, are this, in nats."""

_FIGURES: Final = ("sum", "minimum", "first", "mean")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AnswerPMIGate(ScoredGate):
    """Retrieve when the answer is hardly likelier with the question than without.

    Until it is fitted, `p_know` is the share of the answer's probability that the question brings,
    max(0, 1 - exp(-PMI)).

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
        return tuple(f"{name}{kind}" for kind in ("_nats", "_prior_nats") for name in _FIGURES)

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (ClosedBookAnswer(self.max_new_tokens), AnswerPrior(self.max_new_tokens))

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Describe the answers, shape (questions, 8): with the question, and without."""
        del questions
        answers = signals.read(ClosedBookAnswer(self.max_new_tokens))
        priors = signals.read(AnswerPrior(self.max_new_tokens))
        rows = [
            [*_described([token.logprob for token in answer.tokens]), *_described(prior)]
            for answer, prior in zip(answers, priors, strict=True)
        ]
        return np.array(rows, dtype=np.float64).reshape(len(answers), 2 * len(_FIGURES))

    def bare(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        gained = features[:, 0] - features[:, len(_FIGURES)]
        return np.asarray(np.maximum(0.0, 1.0 - np.exp(-np.maximum(gained, 0.0))))

    def blocks(self, features: NDArray[np.float64]) -> list[Block]:
        """What belongs together for a linear head: all of it."""
        return [Block(features)]


def _described(logprobs: Sequence[float]) -> list[float]:
    if not logprobs:
        return [_LEAST] * len(_FIGURES)
    figures = (sum(logprobs), min(logprobs), logprobs[0], sum(logprobs) / len(logprobs))
    return [max(figure, _LEAST) for figure in figures]
