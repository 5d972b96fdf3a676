"""Composition of Experts: categories are mapped to experts under a budget.

SambaNova 2024, "Composition of Experts: a modular compound AI system leveraging large language
models" (arXiv 2412.01868). A category router says what kind of question it is, and a map says who
answers that kind; the map is the best one whose experts keep within the budget
(`rag_router.experts.routing.plans`). Categories are learned and experts are not: the best expert of
a single question is too noisy a label.

The map is worked out for the candidates at hand, so that a tenant who may not use an expert gets
the best map of the others. Accuracies stand in for the paper's win rates. A question whose category
is not clear goes to the best expert of the plan over all categories, as the paper's category
"general" does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.experts.card import Card
from rag_router.experts.routing.base import Choice, RoutingContext
from rag_router.experts.routing.classes import class_probabilities, fit_classes, one_hot
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.lesson import OutcomeLesson
from rag_router.experts.routing.plans import Plan, Task, plan
from rag_router.experts.routing.prices import price_of
from rag_router.experts.routing.ranking import ranked

__all__ = ["BudgetedRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BudgetedRouter(LearnedExpertRouter):
    """Ask the expert that the best affordable plan has for the category.

    Args:
        price_weight: Accuracy that the dearest candidate must bring more than a free one, >= 0.
        experts: Whom it knows; set by fitting.
        arrays: What was learned; empty until fitted.
        parameters: Most billions of parameters that all experts of the plan have together; None
            is no limit.
        price: Most that a question may cost on average, in the cards' currency; None is no limit.
        confidence: Least probability of a category, in [0, 1]; below it the best expert of the
            plan over all categories is asked.
    """

    parameters: Annotated[float, Field(gt=0)] | None = None
    price: Annotated[float, Field(ge=0)] | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.0

    called: ClassVar[str] = "budgeted"
    options_kept: ClassVar[tuple[str, ...]] = ("parameters", "price", "confidence")

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        fields = lesson.require_fields(self.called)
        categories = sorted(set(fields))
        target = one_hot(fields, categories)
        return {
            **fit_classes(lesson.vectors, target, lesson.seed),
            "accuracy": target.T @ lesson.right / target.sum(axis=0)[:, None],
            "shares": target.mean(axis=0),
        }

    def rank(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[tuple[Choice, ...]]:
        columns = self.columns([card.name for card in cards])
        if not questions:
            return []
        vectors = context.vectors(self.called)
        self._require_width(vectors)
        categories = class_probabilities(self.arrays, vectors)
        planned = self.plan(cards)
        accuracy = self.arrays["accuracy"][:, columns]
        general = self.arrays["shares"] @ accuracy
        rankings = []
        for row in categories:
            sure = row.max() >= self.confidence
            kind = int(row.argmax())
            likely = accuracy[kind] if sure else general
            chosen = planned.experts[kind] if sure else self._general(planned, general)
            rankings.append(_with_first(cards, likely, chosen, set(planned.experts)))
        return rankings

    def plan(self, cards: Sequence[Card]) -> Plan:
        """Return who of the candidates answers which category.

        Raises:
            SettingsError: no candidate fits into the budgets.
        """
        columns = tuple(self.columns([card.name for card in cards]))
        sizes = tuple(card.parameters / 1e9 for card in cards)
        return _planned(self, columns, sizes, tuple(price_of(card) for card in cards))

    def _general(self, planned: Plan, general: NDArray[np.float64]) -> int:
        return max(set(planned.experts), key=lambda expert: (general[expert], -expert))


@lru_cache(maxsize=64)
def _planned(
    router: BudgetedRouter,
    columns: tuple[int, ...],
    sizes: tuple[float, ...],
    prices: tuple[float, ...],
) -> Plan:
    """Plan once for each set of candidates."""
    dearest = max(prices)
    worth = np.array(prices) / dearest if dearest > 0 else np.array(sizes) / (max(sizes) or 1.0)
    return plan(
        Task(
            shares=router.arrays["shares"],
            accuracy=router.arrays["accuracy"][:, list(columns)] - router.price_weight * worth,
            sizes=np.array(sizes),
            prices=np.array(prices),
            memory=router.parameters,
            spending=router.price,
        )
    )


def _with_first(
    cards: Sequence[Card], likely: NDArray[np.float64], chosen: int, planned: set[int]
) -> tuple[Choice, ...]:
    """Rank the planned expert first, then those of the plan, then the others."""
    # Accuracies lie in [0, 1], so that each rank of membership outweighs them.
    scores = [
        float(likely[n]) + (2.0 if n == chosen else 0.0) + (1.0 if n in planned else 0.0)
        for n in range(len(cards))
    ]

    def why(n: int) -> str:
        place = "planned for" if n == chosen else "in the plan but not for"
        place = place if n in planned else "outside the plan for"
        return f"{place} this category, of which it answers {likely[n]:.0%}"

    return ranked(cards, scores, why)
