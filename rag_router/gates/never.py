"""The gate that never retrieves: the closed-book model alone, and a baseline.

Roberts et al. 2020, "How much knowledge can you pack into the parameters of a language model?"
(arXiv 2002.08910).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.signals.base import Signal, Signals
from rag_router.types import Question, Verdict

__all__ = ["NeverGate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NeverGate:
    """Retrieve for no question; the baseline that trusts memory alone.

    Args:
        prior: What is said of `p_know`, since nothing is looked at; in [0, 1].
    """

    prior: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5

    @property
    def needs(self) -> tuple[Signal[Any], ...]:
        return ()

    @property
    def fitted(self) -> bool:
        return True

    def assess(self, questions: Sequence[Question], signals: Signals) -> list[Verdict]:
        del signals
        verdict = Verdict(p_know=self.prior, retrieve=False, reason="this gate never retrieves")
        return [verdict] * len(questions)
