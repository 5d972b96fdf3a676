"""The gate that always retrieves: the usual retrieval-augmented generation, and a baseline.

Lewis et al. 2020, "Retrieval-augmented generation for knowledge-intensive NLP tasks"
(arXiv 2005.11401).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.signals.base import Signal, Signals
from rag_router.types import Question, Verdict

__all__ = ["AlwaysGate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AlwaysGate:
    """Retrieve for every question; the baseline that spares nothing.

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
        verdict = Verdict(p_know=self.prior, retrieve=True, reason="this gate always retrieves")
        return [verdict] * len(questions)
