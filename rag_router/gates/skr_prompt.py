"""SKR-prompt: the model is asked whether it needs additional information.

Wang et al. 2023, "Self-knowledge guided retrieval augmentation for large language models"
(arXiv 2310.05002), the first of their four ways to elicit self-knowledge: no examples, only the
question. They parse what is said; here

    p_know = P(No) / (P(Yes) + P(No))

is read off the reply's first token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.asked import AskedGate, laid_out
from rag_router.models.inquiries import NEEDS_MORE
from rag_router.models.prompts import Inquiry
from rag_router.signals.base import Signal, Signals
from rag_router.signals.self_judgement import AskedBefore
from rag_router.types import Question

__all__ = ["SKRPromptGate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SKRPromptGate(AskedGate):
    """Retrieve when the model says that it needs additional information.

    Until it is fitted, `p_know` is the bare leaning to No.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
    """

    by_words: ClassVar[bool] = True

    @property
    def inquiry(self) -> Inquiry:
        return NEEDS_MORE

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (AskedBefore(self.inquiry),)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Leaning to No, and how probable Yes or No is, shape (questions, 2), in [0, 1]."""
        del questions
        return laid_out((1 - one.yes, one.heard) for one in signals.read(AskedBefore(self.inquiry)))
