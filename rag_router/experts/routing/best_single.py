"""Everything to the one that is right most often: what a router has to beat.

The best single model of RouterBench (Hu et al. 2024, arXiv 2403.12031). Where nothing was learned,
the first of the settings is taken for the best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.experts.card import Card
from rag_router.experts.routing.base import Choice, Need, RoutingContext
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.lesson import OutcomeLesson

__all__ = ["BestSingleRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BestSingleRouter(LearnedExpertRouter):
    """Send every question to the expert that was right most often.

    Args:
        price_weight: Accuracy that the dearest candidate must bring more than a free one, >= 0.
        experts: Whom it knows; set by fitting.
        arrays: What was learned; empty takes the candidates in the order they come in.
    """

    called: ClassVar[str] = "best_single"
    reads: ClassVar[frozenset[Need]] = frozenset()

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        return {"accuracy": lesson.right.mean(axis=0)}

    def predicted(
        self, questions: Sequence[str], names: Sequence[str], context: RoutingContext
    ) -> NDArray[np.float64]:
        del context
        accuracy = self.arrays["accuracy"][self.columns(names)]
        return np.tile(accuracy, (len(questions), 1))

    def rank(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[tuple[Choice, ...]]:
        if self.fitted:
            return super().rank(questions, cards, context)
        order = tuple(
            Choice(name=card.name, score=1 / (1 + n), why=f"number {n + 1} of the settings")
            for n, card in enumerate(cards)
        )
        return [order] * len(questions)
