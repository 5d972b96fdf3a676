"""Judgement before answering: can the model answer this question?

Ren et al. 2023, "Investigating the factual knowledge boundary of large language models with
retrieval augmentation" (arXiv 2307.11019): asked before it answers, the model may give up, and
passages are used where it does. They parse what it says; here

    p_know = P(Yes) / (P(Yes) + P(No))

is read off the reply's first token. They found models to be over-confident: fit the gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.asked import AskedGate, laid_out
from rag_router.models.inquiries import CAN_ANSWER
from rag_router.models.prompts import Inquiry
from rag_router.signals.base import Signal, Signals
from rag_router.signals.self_judgement import AskedBefore
from rag_router.types import Question

__all__ = ["SelfJudgementBeforeGate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SelfJudgementBeforeGate(AskedGate):
    """Retrieve when the model, asked beforehand, gives the question up.

    Until it is fitted, `p_know` is the bare leaning to Yes.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
    """

    by_words: ClassVar[bool] = True

    @property
    def inquiry(self) -> Inquiry:
        return CAN_ANSWER

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (AskedBefore(self.inquiry),)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Leaning to Yes, and how probable Yes or No is, shape (questions, 2), in [0, 1]."""
        del questions
        return laid_out((one.yes, one.heard) for one in signals.read(AskedBefore(self.inquiry)))
