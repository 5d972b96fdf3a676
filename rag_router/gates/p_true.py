"""P(True): how far the model takes its own answer for true.

Kadavath et al. 2022, "Language models (mostly) know what they know" (arXiv 2207.05221): after the
question and the answer the model chooses between (A) True and (B) False,

    p_know = P(A) / (P(A) + P(B)).

With `ideas` it has read so many of its own samples before, their better variant.
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
from rag_router.models.prompts import Inquiry
from rag_router.signals.base import Signal, Signals
from rag_router.signals.closed_book_answer import ClosedBookAnswer
from rag_router.signals.sampled_answers import SampledAnswers
from rag_router.signals.true_false import TrueAmongIdeas, TrueOrFalse
from rag_router.types import Question

__all__ = ["PTrueGate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PTrueGate(AskedGate):
    """Retrieve when the model does not take its own answer for true.

    Until it is fitted, `p_know` is the bare P(True); 0 where the answer says nothing.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
        ideas: Samples that the model reads before it judges, 0 to 20; they have to be drawn.
        max_new_tokens: Longest closed-book answer.
    """

    ideas: Annotated[int, Field(ge=0, le=20)] = 0
    max_new_tokens: Annotated[int, Field(ge=1, le=256)] = 24

    options_kept: ClassVar[tuple[str, ...]] = ("ideas", "max_new_tokens")

    @property
    def _signal(self) -> TrueOrFalse | TrueAmongIdeas:
        if not self.ideas:
            return TrueOrFalse(self.max_new_tokens)
        samples = SampledAnswers(self.ideas, max_new_tokens=self.max_new_tokens)
        return TrueAmongIdeas(samples, self.max_new_tokens)

    @property
    def inquiry(self) -> Inquiry:
        return self._signal.inquiry

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (ClosedBookAnswer(self.max_new_tokens), self._signal)

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """P(True), and how probable either letter is, shape (questions, 2), in [0, 1]."""
        del questions
        answers = signals.read(ClosedBookAnswer(self.max_new_tokens))
        return for_answers([answer.text for answer in answers], signals.read(self._signal))
