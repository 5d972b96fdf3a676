"""What `auto` learned, written down: always one answer, or one of two by what is asked."""

from __future__ import annotations

import numpy as np

from rag_router.decoders.auto import ANSWERS
from rag_router.decoders.considerations import CONSIDERED
from rag_router.decoders.rewards import Rewards

__all__ = ["always", "by"]


def always(answer):
    """It promises most of one answer, whatever it is asked."""
    return Rewards(
        np.zeros((len(ANSWERS), len(CONSIDERED))),
        np.array([3.0 if name == answer else 0.0 for name in ANSWERS]),
    )


def by(name, limit, low, high):
    """It gives one answer where what is called so is below the limit, and another one above."""
    slopes = np.zeros((len(ANSWERS), len(CONSIDERED)))
    slopes[ANSWERS.index(high), CONSIDERED.index(name)] = 8.0
    intercepts = np.full(len(ANSWERS), -8.0 * (abs(limit) + 4.0))
    intercepts[ANSWERS.index(low)] = 0.0
    intercepts[ANSWERS.index(high)] = -8.0 * limit
    return Rewards(slopes, intercepts)
