"""What asking an expert costs, beside the others.

Prices are compared where any candidate has one, and numbers of parameters where none has: a model
in memory costs time, in proportion to its size. Both are for a short question and a short answer,
and are counted from 0 (free) to 1 (the dearest candidate).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_router.experts.card import Card

__all__ = ["price_of", "relative_prices"]

_PROMPT_TOKENS: Final = 200
_COMPLETION_TOKENS: Final = 20
"""Of the question that a price is for: a few examples, the question, and a short answer."""


def price_of(card: Card) -> float:
    """Return the price of a short answer by its card, >= 0, in the card's currency."""
    return (
        card.price_prompt * _PROMPT_TOKENS + card.price_completion * _COMPLETION_TOKENS
    ) / 1_000_000


def relative_prices(cards: Sequence[Card]) -> NDArray[np.float64]:
    """Return what each candidate costs, in [0, 1], where the dearest costs 1; shape (cards,)."""
    prices = np.array([price_of(card) for card in cards], dtype=np.float64)
    if not prices.any():
        prices = np.array([card.parameters for card in cards], dtype=np.float64)
    dearest = prices.max(initial=0.0)
    return prices / dearest if dearest > 0 else prices
