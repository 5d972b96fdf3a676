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
from dataclasses import replace
from typing import Annotated, Any, Literal

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
from rag_router.types import Question, Verdict

__all__ = ["ConfidenceGate"]

_STATISTICS = {
    "minimum": minimum_probability,
    "geometric_mean": geometric_mean_probability,
}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ConfidenceGate:
    """Retrieve when the model is not sure enough of its own closed-book answer.

    Args:
        statistic: What stands for the whole answer; "both" reads the two together.
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        max_new_tokens: Longest closed-book answer.
        curve: Slopes and, last, intercept over the statistics' log-odds; empty until fitted.
    """

    statistic: Literal["minimum", "geometric_mean", "both"] = "both"
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    max_new_tokens: Annotated[int, Field(ge=1, le=256)] = 24
    curve: tuple[float, ...] = ()

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (ClosedBookAnswer(self.max_new_tokens),)

    @property
    def fitted(self) -> bool:
        return bool(self.curve)

    def assess(self, questions: Sequence[Question], signals: Signals) -> list[Verdict]:
        del questions
        answers = signals.read(ClosedBookAnswer(self.max_new_tokens))
        logprobs = [[token.logprob for token in answer.tokens] for answer in answers]
        p_know = self.probabilities(self._statistics(logprobs))
        return [
            verdict(p, self.threshold, {name: read(line) for name, read in _STATISTICS.items()})
            for p, line in zip(p_know, logprobs, strict=True)
        ]

    def features(self, labelled: Sequence[LabelledAnswer]) -> NDArray[np.float64]:
        """The chosen statistics of answers, shape (answers, 1 or 2), each in [0, 1]."""
        return self._statistics([one.logprobs for one in labelled])

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(the answer is right) from its statistics, shape (answers,)."""
        if self.curve:
            return Platt(self.curve[:-1], self.curve[-1])(logit(features))
        return features[:, 0]

    def fit(self, features: NDArray[np.float64], right: Sequence[bool]) -> ConfidenceGate:
        """Return this gate with a curve fitted to answers known to be right or wrong.

        Raises:
            DataError: only one class is there.
        """
        platt = Platt.fit(logit(features), right)
        return replace(self, curve=(*platt.slopes, platt.intercept))

    @property
    def learned(self) -> dict[str, NDArray[np.float64]]:
        return {"curve": np.asarray(self.curve, dtype=np.float64)}

    @property
    def options(self) -> dict[str, Any]:
        return {"statistic": self.statistic, "max_new_tokens": self.max_new_tokens}

    def _statistics(self, logprobs: Sequence[Sequence[float]]) -> NDArray[np.float64]:
        names = list(_STATISTICS) if self.statistic == "both" else [self.statistic]
        return np.array([[_STATISTICS[name](line) for name in names] for line in logprobs])

    def with_artefact(self, artefact: Artefact) -> ConfidenceGate:
        """Return this gate as it was fitted; a threshold that was set by hand stays."""
        notes = artefact.card.notes
        return replace(
            self,
            statistic=notes["statistic"],
            max_new_tokens=int(notes["max_new_tokens"]),
            threshold=artefact.card.threshold if self.threshold is None else self.threshold,
            curve=tuple(float(c) for c in artefact.weights["curve"]),
        )
