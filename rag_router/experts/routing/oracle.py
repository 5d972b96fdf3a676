"""The router that is told who is right, for evaluation: what perfect routing would bring.

The oracle of RouterBench (Hu et al. 2024, arXiv 2403.12031): of the experts that are right, the
cheapest; where nobody is, the cheapest of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.experts.card import Card
from rag_router.experts.routing.base import Choice, Need, RoutingContext
from rag_router.experts.routing.ranking import ranked

__all__ = ["OracleRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OracleRouter:
    """Send each question to the cheapest expert that is right; for evaluation only.

    Args:
        right: Text of a question -> names of the experts that answer it rightly.
    """

    right: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.right.items())))

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset()

    def rank(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[tuple[Choice, ...]]:
        """Return for each question all candidates, those that are right first.

        Raises:
            DataError: nobody said who answers a question rightly.
        """
        del context
        return [self._told(question, cards) for question in questions]

    def _told(self, question: str, cards: Sequence[Card]) -> tuple[Choice, ...]:
        if question not in self.right:
            raise DataError(
                f"nobody told the oracle who answers {question!r} rightly.",
                hint="It serves evaluations, which know. Route by another router: neighbours.",
            )
        right = self.right[question]
        scores = [float(card.name in right) for card in cards]
        return ranked(cards, scores, lambda n: "is right" if scores[n] else "is wrong")
