"""What `auto` goes by, as one row of numbers for each answer.

Two stand for what is known before anything is said, as log-odds: whether memory knows
(`Facts.p_know`), and whether the passages hold the answer (`Facts.support`). Then come the figures
of both streams side by side at the first token (see `comparison`), where it is mostly decided whom
an answer follows. What is not known before counts as 0, and which of the two are known says who is
asked: one forest was grown for each case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.decoders.comparison import FIGURES
from rag_router.models.strategies import Facts

__all__ = ["CASES", "CONSIDERED", "FACTS", "case_of", "considered", "known_before"]

FACTS: Final = ("p_know", "support")
"""What may be known before."""

CASES: Final = (("p_know", "support"), ("support",), ("p_know",), ())
"""Which of them are known; a forest belongs to each case, in this order."""

CONSIDERED: Final = (*FACTS, *FIGURES)
"""Names of the numbers, in their order."""

_FURTHEST: Final = 6.0
"""Log-odds beyond that (1 in 400) count as that: no calibration reaches further."""


def case_of(facts: Facts) -> int:
    """Number of the case that a row is, in `CASES`."""
    return CASES.index(tuple(name for name in FACTS if getattr(facts, name) is not None))


def known_before(facts: Facts) -> list[float]:
    """Log-odds of what is known before anything is said; 0 for what is not."""
    return [_log_odds(getattr(facts, name)) for name in FACTS]


def considered(facts: Sequence[Facts], figures: ArrayLike) -> NDArray[np.float32]:
    """Put the numbers together, shape (rows, len(CONSIDERED)).

    Args:
        facts: Of each row.
        figures: Of both streams at the first step, shape (rows, figures).
    """
    before = np.array([known_before(one) for one in facts], dtype=np.float32)
    return np.concatenate(
        [before.reshape(len(facts), len(FACTS)), np.asarray(figures, dtype=np.float32)], axis=1
    )


def _log_odds(p: float | None) -> float:
    if p is None:
        return 0.0
    least = 1 / (1 + math.exp(_FURTHEST))
    p = min(max(p, least), 1 - least)
    return math.log(p / (1 - p))
