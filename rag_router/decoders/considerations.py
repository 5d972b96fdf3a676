"""What `auto` goes by at a step, as one row of numbers for each answer.

Two stand for what is known before anything is said, as log-odds: whether memory knows, k
(`Facts.p_know`), and whether the passages hold the answer, s (`Facts.support`). Then come the
figures f of both streams (see `comparison`) at the first token, where it is mostly decided whom an
answer follows, by themselves and times k and s; and after the first token those of the step itself.

    x_t = (1, k, s, f_1, k f_1, s f_1, k s, later, later * f_t)

with `later` 0 at the first step and 1 after it. What is not known before counts as 0, and which of
the two are known says which weights are taken: some were fitted for each case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from rag_router.decoders.comparison import FIGURES
from rag_router.models.strategies import Facts
from rag_router.models.transfers import sent

__all__ = ["CASES", "CONSIDERED", "FACTS", "case_of", "considered", "known_before"]

FACTS: Final = ("p_know", "support")
"""What may be known before."""

CASES: Final = (("p_know", "support"), ("support",), ("p_know",), ())
"""Which of them are known; weights belong to each case, in this order."""

CONSIDERED: Final = (
    "always",
    *FACTS,
    *(f"first {name}" for name in FIGURES),
    *(f"{fact} first {name}" for fact in FACTS for name in FIGURES),
    "p_know support",
    "later",
    *(f"later {name}" for name in FIGURES),
)
"""Names of the numbers, in their order."""

_FURTHEST: Final = 6.0
"""Log-odds beyond that (1 in 400) count as that: no calibration reaches further."""


def case_of(facts: Facts) -> int:
    """Number of the case that a row is, in `CASES`."""
    return CASES.index(tuple(name for name in FACTS if getattr(facts, name) is not None))


def known_before(facts: Facts) -> list[float]:
    """Log-odds of what is known before anything is said; 0 for what is not."""
    return [_log_odds(getattr(facts, name)) for name in FACTS]


def considered(facts: Sequence[Facts], figures: Tensor, first: Tensor, later: Tensor) -> Tensor:
    """Put the numbers together, shape (rows, len(CONSIDERED)).

    Args:
        facts: Of each row.
        figures: Of both streams at this step, shape (rows, figures).
        first: The same at the first step.
        later: 0 for rows at their first step, 1 for others, shape (rows,).
    """
    before = sent([number for one in facts for number in known_before(one)], like=figures)
    before = before.view(len(facts), -1)
    knows, supported = before[:, :1], before[:, 1:]
    after = later[:, None]
    return torch.cat(
        [
            torch.ones_like(after),
            before,
            first,
            knows * first,
            supported * first,
            knows * supported,
            after,
            after * figures,
        ],
        dim=1,
    )


def _log_odds(p: float | None) -> float:
    if p is None:
        return 0.0
    least = 1 / (1 + math.exp(_FURTHEST))
    p = min(max(p, least), 1 - least)
    return math.log(p / (1 - p))
