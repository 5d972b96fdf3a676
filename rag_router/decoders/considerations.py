"""What `auto` goes by, as one row of numbers for each question.

Two stand for what is known before anything is said, as log-odds: whether memory knows
(`Facts.p_know`), and whether the passages hold the answer (`Facts.support`). The others look at
three whole answers: what memory says (m), what the passages say (w), and what they say amplified
(c). With log p and log q what the model holds of an answer without and with passages,

    passages_gain       log q(w) - log p(w): what the passages add to their own answer
    contrast_gain       log q(c) - log p(c), less passages_gain
    contrast_lead       log q(c) - log q(w): how much less likely amplifying is, <= 0 mostly
    contrast_longer     tokens of c, less those of w
    passages_inside     1 where w stands in the passages, word for word
    contrast_inside     1 where c stands there, less passages_inside
    memory_is_passages  1 where m says the same as w
    memory_is_contrast  1 where m says the same as c

What is not known before counts as 0, and which of the two are known says who is asked: lines were
fitted for each case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_router.models.strategies import Facts
from rag_router.scoring import holds_answer, normalise

__all__ = ["CASES", "CONSIDERED", "FACTS", "Said", "case_of", "considered", "known_before"]

FACTS: Final = ("p_know", "support")
"""What may be known before."""

CASES: Final = (("p_know", "support"), ("support",), ("p_know",), ())
"""Which of them are known; lines belong to each case, in this order."""

CONSIDERED: Final = (
    *FACTS,
    "passages_gain",
    "contrast_gain",
    "contrast_lead",
    "contrast_longer",
    "passages_inside",
    "contrast_inside",
    "memory_is_passages",
    "memory_is_contrast",
)
"""Names of the numbers, in their order."""

_FURTHEST: Final = 6.0
"""Log-odds beyond that (1 in 400) count as that: no calibration reaches further."""

_MOST: Final = 40.0
"""Nats between whole answers; more counts as that."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer from passages, and what the model thinks of it.

    Attributes:
        text: What it says.
        closed: Its log-probability without passages, in nats.
        context: The same with passages.
        tokens: How many it has.
    """

    text: str
    closed: float = 0.0
    context: float = 0.0
    tokens: int = 0

    @property
    def gain(self) -> float:
        """What the passages add to it, in nats."""
        return self.context - self.closed


def case_of(facts: Facts) -> int:
    """Number of the case that a row is, in `CASES`."""
    return CASES.index(tuple(name for name in FACTS if getattr(facts, name) is not None))


def known_before(facts: Facts) -> list[float]:
    """Log-odds of what is known before anything is said; 0 for what is not."""
    return [_log_odds(getattr(facts, name)) for name in FACTS]


def considered(facts: Facts, memory: str, passages: Said, contrast: Said) -> NDArray[np.float64]:
    """Put the numbers together, shape (len(CONSIDERED),).

    Args:
        facts: What is known before; `shown` are the passages.
        memory: What memory says.
        passages: What the passages say.
        contrast: What they say amplified.
    """
    said = normalise(memory)
    inside = [float(holds_answer(facts.shown, (one.text,))) for one in (passages, contrast)]
    beside = [
        _bounded(passages.gain),
        _bounded(contrast.gain - passages.gain),
        _bounded(contrast.context - passages.context),
        float(contrast.tokens - passages.tokens),
        inside[0],
        inside[1] - inside[0],
        float(said == normalise(passages.text)),
        float(said == normalise(contrast.text)),
    ]
    return np.array([*known_before(facts), *beside])


def _bounded(nats: float) -> float:
    return min(max(nats, -_MOST), _MOST)


def _log_odds(p: float | None) -> float:
    if p is None:
        return 0.0
    least = 1 / (1 + math.exp(_FURTHEST))
    p = min(max(p, least), 1 - least)
    return math.log(p / (1 - p))
