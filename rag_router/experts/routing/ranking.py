"""From a number for each candidate to a ranking: the best first, of equals the cheapest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rag_router.experts.card import Card
from rag_router.experts.routing.base import Choice
from rag_router.experts.routing.prices import relative_prices

__all__ = ["ranked"]


def ranked(
    cards: Sequence[Card], scores: Sequence[float], why: Callable[[int], str]
) -> tuple[Choice, ...]:
    """Rank candidates by their scores.

    Args:
        cards: Of the candidates.
        scores: One for each, higher is better.
        why: Says of the candidate of a number what its score means.
    """
    prices = relative_prices(cards)
    order = sorted(range(len(cards)), key=lambda n: (-scores[n], prices[n], n))
    return tuple(Choice(name=cards[n].name, score=float(scores[n]), why=why(n)) for n in order)
