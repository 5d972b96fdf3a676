"""Judgement after answering: is the model's own answer correct?

Ren et al. 2023, "Investigating the factual knowledge boundary of large language models with
retrieval augmentation" (arXiv 2307.11019): the model is shown its answer and says whether it is
correct. They parse what it says; here

    p_know = P(Yes) / (P(Yes) + P(No))

is read off the reply's first token. P(True) asks the same with two lettered options.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.asked import AskedGate, for_answers
from rag_router.models.inquiries import IS_CORRECT
from rag_router.models.prompts import Inquiry
from rag_router.signals.base import Signal, Signals
from rag_router.signals.closed_book_answer import ClosedBookAnswer
from rag_router.signals.self_judgement import AskedAfter
from rag_router.types import Question

__all__ = ["SelfJudgementAfterGate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SelfJudgementAfterGate(AskedGate):
    """Retrieve when the model does not call its own answer correct.

    Until it is fitted, `p_know` is the bare leaning to Yes; 0 where the answer says nothing.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
        max_new_tokens: Longest closed-book answer.
    """

    by_words: ClassVar[bool] = True

    max_new_tokens: Annotated[int, Field(ge=1, le=256)] = 24

    options_kept: ClassVar[tuple[str, ...]] = ("max_new_tokens",)

    @property
    def inquiry(self) -> Inquiry:
        return IS_CORRECT

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (ClosedBookAnswer(self.max_new_tokens), self._signal)

    @property
    def _signal(self) -> AskedAfter:
        return AskedAfter(self.max_new_tokens, self.inquiry)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """Leaning to Yes, and how probable Yes or No is, shape (questions, 2), in [0, 1]."""
        del questions
        answers = signals.read(ClosedBookAnswer(self.max_new_tokens))
        return for_answers([answer.text for answer in answers], signals.read(self._signal))
