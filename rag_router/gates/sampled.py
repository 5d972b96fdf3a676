"""What gates share that draw several answers and look at how they agree.

A logistic curve over a few figures (Platt 1999, "Probabilistic outputs for support vector
machines") turns them into a probability.

Answers are drawn at a temperature of 0.5, which Kuhn et al. 2023 (arXiv 2302.09664) found best for
telling right from wrong: at 1 a small model with a large vocabulary seldom says anything twice,
whether it knows the answer or not.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.scored import ScoredGate
from rag_router.signals.base import Signal
from rag_router.signals.meanings import Equivalence, SampledMeanings, SharedWords
from rag_router.signals.sampled_answers import SampledAnswers

__all__ = ["SampledGate", "share_logit"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SampledGate(ScoredGate):
    """A curve over figures of sampled answers. Subclasses say which figures.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
        samples: How many answers are drawn.
        temperature: They are drawn at; above 0.
        max_new_tokens: Longest answer.
        same: What counts as the same meaning; a frozen value.
    """

    samples: Annotated[int, Field(ge=2, le=50)] = 10
    temperature: Annotated[float, Field(gt=0.0, le=10.0)] = 0.5
    max_new_tokens: Annotated[int, Field(ge=1, le=256)] = 24
    same: Equivalence = SharedWords()

    @property
    def meanings(self) -> SampledMeanings:
        """The signal that the figures are taken from."""
        drawn = SampledAnswers(self.samples, self.temperature, self.max_new_tokens)
        return SampledMeanings(drawn, self.same)

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (self.meanings,)


def share_logit(share: NDArray[np.float64], of: int) -> NDArray[np.float64]:
    """Log-odds of a share of so many, one half added to either side: finite for none and all."""
    return np.asarray(np.log((share * of + 0.5) / ((1 - share) * of + 0.5)))
