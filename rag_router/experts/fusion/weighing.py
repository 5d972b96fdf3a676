"""How much the word of each expert counts for a question.

    w_k = x_k^sharpness / sum_j x_j^sharpness

with x_k how likely expert k answers the question rightly alone, be that a calibrated probability
or what else experts are ranked by. A sharpness of 0 counts all the same, 1 in proportion, and a
large one asks only the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Protocol

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.experts.card import Card
from rag_router.experts.routing.base import ExpertRouter, Need, RoutingContext
from rag_router.registry import Registry

__all__ = [
    "WEIGHINGS",
    "EvenWeighing",
    "KnowledgeWeighing",
    "RouterWeighing",
    "Weighing",
    "shares",
]

Weights = tuple[float, ...]


class Weighing(Protocol):
    """Says how much each expert counts for each question."""

    @property
    def needs(self) -> frozenset[Need]:
        """What it reads of questions beside their text."""

    def weigh(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[Weights]:
        """Return one weight for each card, >= 0 and summing to 1, for each question.

        Raises:
            SettingsError: something it needs is missing.
        """


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EvenWeighing:
    """Let every expert count the same."""

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset()

    def weigh(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[Weights]:
        del context
        return [shares([1.0] * len(cards))] * len(questions)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class KnowledgeWeighing:
    """Let each expert count by the probability that it knows, by its own gate.

    Args:
        sharpness: Power of the probabilities, >= 0.
    """

    sharpness: Annotated[float, Field(ge=0.0, le=1e4)] = 1.0

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset({"p_know"})

    def weigh(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[Weights]:
        knowing, rows = context.knowing("p_know"), range(len(questions))
        known = [knowing(card.name, rows) for card in cards]
        return [shares(line, sharpness=self.sharpness) for line in zip(*known, strict=True)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RouterWeighing:
    """Let each expert count by the score that a router ranks it by; below 0 it counts nothing.

    Args:
        router: Whose scores are likelihoods, or in proportion to them.
        sharpness: Power of the scores, >= 0.
    """

    router: ExpertRouter
    sharpness: Annotated[float, Field(ge=0.0, le=1e4)] = 1.0

    @property
    def needs(self) -> frozenset[Need]:
        return self.router.needs

    def weigh(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[Weights]:
        out: list[Weights] = []
        for ranking in self.router.rank(questions, cards, context):
            scores = {choice.name: choice.score for choice in ranking}
            line = [scores[card.name] for card in cards]
            out.append(shares(line, sharpness=self.sharpness))
        return out


WEIGHINGS: Final[Registry[Weighing]] = Registry(
    "weighing",
    {
        "even": "rag_router.experts.fusion.weighing:EvenWeighing",
        "p_know": "rag_router.experts.fusion.weighing:KnowledgeWeighing",
        "router": "rag_router.experts.fusion.weighing:RouterWeighing",
    },
)
"""What `fusion.weights` names."""


def shares(likely: Sequence[float], *, sharpness: float = 1.0) -> Weights:
    """Turn figures of experts into weights that sum to 1; where none is above 0 all are even.

    Args:
        likely: One for each expert; what is below 0 counts as 0.
        sharpness: >= 0.
    """
    most = max(likely, default=0.0)
    if most <= 0.0:
        return (1.0 / len(likely),) * len(likely)
    # As shares of the largest, so that no power is too small to tell from 0.
    powers = [(max(one, 0.0) / most) ** sharpness for one in likely]
    total = sum(powers)
    return tuple(power / total for power in powers)
