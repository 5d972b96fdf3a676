"""How sure the model is of its own answer.

Open-RAG's hybrid gate (Islam et al. 2024, arXiv 2410.01782) forces the model down the branch
without retrieval, takes its answer o_1..o_m, and retrieves where the confidence

    minimum         f = min_i p(o_i | q, o_<i)
    geometric mean  f = (prod_i p(o_i | q, o_<i))^(1/m)

is below a threshold. Both are read at once here and a Platt curve over their log-odds turns them
into the probability that the answer is right, so that the threshold is a probability too. Without
a fitted curve `p_know` is the bare statistic, and every answer says that it is not calibrated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

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
from rag_router.types import Question

__all__ = ["ConfidenceGate"]

_STATISTICS = {
    "minimum": minimum_probability,
    "geometric_mean": geometric_mean_probability,
}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ConfidenceGate(ScoredGate):
    """Retrieve when the model is not sure enough of its own closed-book answer.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
        statistic: What stands for the whole answer; "both" reads the two together.
        max_new_tokens: Longest closed-book answer.
    """

    statistic: Literal["minimum", "geometric_mean", "both"] = "both"
    max_new_tokens: Annotated[int, Field(ge=1, le=256)] = 24

    options_kept: ClassVar[tuple[str, ...]] = ("statistic", "max_new_tokens")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(_STATISTICS) if self.statistic == "both" else (self.statistic,)

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (ClosedBookAnswer(self.max_new_tokens),)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """The chosen statistics of the answers, shape (questions, 1 or 2), each in [0, 1]."""
        del questions
        lines = [
            [token.logprob for token in answer.tokens]
            for answer in signals.read(ClosedBookAnswer(self.max_new_tokens))
        ]
        rows = [[_STATISTICS[name](line) for name in self.names] for line in lines]
        return np.array(rows, dtype=np.float64).reshape(len(lines), len(self.names))

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return logit(features)

    def bare(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return features[:, 0]
