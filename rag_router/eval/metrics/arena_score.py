"""RouterArena's score of accuracy and cost in one number.

Lu et al. 2025, arXiv 2510.00202: S = (1 + b) A C / (b A + C) with b = 0.1, where A is accuracy and
C = (log2 200 - log2 c) / (log2 200 - log2 0.0044) for c dollars per 1,000 questions.
"""

from __future__ import annotations

import math

from rag_router.errors import DataError

__all__ = ["arena_score"]

_WEIGHT = 0.1
_DEAREST, _CHEAPEST = 200.0, 0.0044


def arena_score(accuracy: float, dollars_per_1000: float) -> float:
    """Return the score, in [0, 1]; higher is better.

    Args:
        accuracy: In [0, 1].
        dollars_per_1000: Cost of 1,000 questions, > 0; brought into [0.0044, 200] first.

    Raises:
        DataError: an argument is out of range.
    """
    if not 0 <= accuracy <= 1 or not dollars_per_1000 > 0:
        raise DataError(f"an accuracy of {accuracy} at ${dollars_per_1000} per 1,000 questions.")
    cost = min(max(dollars_per_1000, _CHEAPEST), _DEAREST)
    saved = math.log2(_DEAREST / cost) / math.log2(_DEAREST / _CHEAPEST)
    if not accuracy or not saved:
        return 0.0
    return (1 + _WEIGHT) * accuracy * saved / (_WEIGHT * accuracy + saved)
