"""Agreement: how often the model, drawing at random, comes to the same answer again.

Self-consistency (Wang et al. 2023, arXiv 2203.11171) takes the answer that most samples agree on;
the share of those samples says how sure it is. Two shares are read,

    greedy    of samples that mean the same as the greedy answer, which is the one that is given,
    largest   of samples in the largest group of equal meaning,

and an answer that says nothing, or that it does not know, agrees with none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.sampled import SampledGate, share_logit
from rag_router.signals.base import Signal, Signals
from rag_router.signals.closed_book_answer import ClosedBookAnswer
from rag_router.types import Question

__all__ = ["AgreementGate"]

_NAMES = ("greedy", "largest")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AgreementGate(SampledGate):
    """Retrieve when sampled answers do not agree with the greedy one.

    Until it is fitted, `p_know` is the bare share.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
        samples: How many answers are drawn.
        temperature: They are drawn at; above 0.
        max_new_tokens: Longest answer.
        same: What counts as the same meaning; a frozen value.
        statistic: Which share is read; "both" reads the two together, and that of the greedy
            answer stands for them until fitted.
    """

    by_words: ClassVar[bool] = True

    statistic: Literal["greedy", "largest", "both"] = "both"

    options_kept: ClassVar[tuple[str, ...]] = (
        "samples",
        "temperature",
        "max_new_tokens",
        "statistic",
    )
    penalty: ClassVar[float] = 1e-3

    @property
    def names(self) -> tuple[str, ...]:
        return _NAMES if self.statistic == "both" else (self.statistic,)

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (ClosedBookAnswer(self.max_new_tokens), self.meanings)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """The chosen shares, shape (questions, 1 or 2), in [0, 1]."""
        greedy = signals.read(ClosedBookAnswer(self.max_new_tokens))
        rows = []
        for question, answer, drawn in zip(
            questions, greedy, signals.read(self.meanings), strict=True
        ):
            agree = [self.same(question.text, answer.text, text) for text in drawn.texts]
            shares = {"greedy": sum(agree) / len(agree), "largest": drawn.largest}
            rows.append([shares[name] for name in self.names])
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.names))

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return share_logit(features, self.samples)

    def bare(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return features[:, 0]
