"""Any expert, each as likely as the other: what routing is measured against.

RouterBench's and RouteLLM's lowest baseline (Hu et al. 2024, arXiv 2403.12031; Ong et al. 2024,
arXiv 2406.18665). The draw is made from the seed and the question's text, so that a question is
sent to the same expert alone and in company.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic.dataclasses import dataclass

from rag_router.artefacts import fingerprint_of
from rag_router.component import STRICT
from rag_router.experts.card import Card
from rag_router.experts.routing.base import Choice, Need, RoutingContext

__all__ = ["RandomRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RandomRouter:
    """Send each question to anybody."""

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset()

    def rank(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[tuple[Choice, ...]]:
        return [self._drawn(question, cards, context.seed) for question in questions]

    def _drawn(self, question: str, cards: Sequence[Card], seed: int) -> tuple[Choice, ...]:
        draws = {card.name: _draw(str(seed), question, card.name) for card in cards}
        order = sorted(draws, key=lambda name: (-draws[name], name))
        return tuple(Choice(name=n, score=draws[n], why="drawn by chance") for n in order)


def _draw(*parts: str) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return int(fingerprint_of(*parts)[:13], 16) / 16**13
