"""Entropy: how undecided the model is, over the first token and over the whole answer.

Mean token entropy and perplexity are the plain information-based scores of a language model
(Fomicheva et al. 2020, arXiv 2005.10608; Malinin and Gales 2021, arXiv 2002.07650). Two figures
are read, in nats:

    first       H_1 = - sum over v  p(v | q) log p(v | q), entropy of the first token
    surprisal   - (1/m) sum over i  log p(o_i | q, o_<i), the logarithm of the perplexity

The second stands in for the mean of H_1..H_m: what it estimates, token by token, from the one
token that was chosen. Of an answer that was kept, only its log-probabilities are at hand, and a
gate must read the same where it learns and where it judges. Nothing is decoded for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.scored import ScoredGate
from rag_router.signals.base import Signal, Signals
from rag_router.signals.closed_book_answer import ClosedBookAnswer
from rag_router.signals.first_token import FirstToken
from rag_router.types import Question

__all__ = ["EntropyGate"]

_NO_ANSWER: Final = -math.log(1e-6)
"""Either figure of an answer that is empty: the model is sure, but of saying nothing."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EntropyGate(ScoredGate):
    """Retrieve when the model is undecided between tokens.

    Until it is fitted, `p_know` is exp(-figure), the first one where both are read: 1 over the
    number of tokens that it hesitates between.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        curve: A slope for each score and, last, the intercept; empty until fitted.
        statistic: Which figure is read; "both" reads the two together.
        max_new_tokens: Longest closed-book answer.
    """

    statistic: Literal["first", "surprisal", "both"] = "both"
    max_new_tokens: Annotated[int, Field(ge=1, le=256)] = 24

    options_kept: ClassVar[tuple[str, ...]] = ("statistic", "max_new_tokens")
    penalty: ClassVar[float] = 1e-3

    @property
    def names(self) -> tuple[str, ...]:
        return ("first", "surprisal") if self.statistic == "both" else (self.statistic,)

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return (ClosedBookAnswer(self.max_new_tokens), FirstToken(self.max_new_tokens))

    def features(self, questions: Sequence[Question], signals: Signals) -> NDArray[np.float64]:
        """The chosen figures in nats, shape (questions, 1 or 2), >= 0."""
        del questions
        answers = signals.read(ClosedBookAnswer(self.max_new_tokens))
        firsts = signals.read(FirstToken(self.max_new_tokens))
        rows = []
        for answer, first in zip(answers, firsts, strict=True):
            logprobs = [token.logprob for token in answer.tokens]
            figures = {"first": _NO_ANSWER, "surprisal": _NO_ANSWER}
            if logprobs:
                figures["first"] = first.entropy_nats
                figures["surprisal"] = max(0.0, -sum(logprobs) / len(logprobs))
            rows.append([figures[name] for name in self.names])
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.names))

    def bare(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(-features[:, 0])
