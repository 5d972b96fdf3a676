"""How the next-token distribution after the question alone is shaped, before anything is said.

Read off the closed-book pass at no cost, and without knowing what the answer will be. With p the
softmax of the logits z, sorted so that p_1 >= p_2 >= ...:

    entropy     - sum p log p, in nats                    (Kadavath et al. 2022, arXiv 2207.05221)
    top         log p_1 .. log p_10
    collision   log sum p^2: minus the Renyi entropy of order 2
    greatest    max z                                   (Hendrycks et al. 2019, arXiv 1911.11132)
    energy      log sum exp z                             (Liu et al. 2020, arXiv 2010.03759)

The last two are lost to the softmax, which does not see how high all logits stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rag_router.models.distributions import entropy
from rag_router.models.likeliest import likeliest
from rag_router.signals.base import Board, Reading, Requirements
from rag_router.signals.closed_book import ClosedBookPass

__all__ = ["LIKELIEST", "SHAPE_FIGURES", "FirstDistribution", "distribution_figures"]

_TOP: Final = 10
_LEAST: Final = -30.0
"""What a log-probability counts at least: below, float32 softmaxes are noise."""

SHAPE_FIGURES: Final = _TOP + 4
"""How many figures there are."""

LIKELIEST: Final = 1
"""Which of them is the largest log-probability."""


@dataclass(frozen=True, slots=True)
class FirstDistribution:
    """The figures of the closed-book pass; costs nothing extra."""

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    @property
    def name(self) -> str:
        return "first_distribution"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[NDArray[np.float32]]]:
        """Return for each row float32 of shape (SHAPE_FIGURES,)."""
        logits = torch.stack([one.stream.logits for one in board.read(ClosedBookPass(), rows)])
        return [Reading(line) for line in distribution_figures(logits)]


def distribution_figures(logits: Tensor) -> NDArray[np.float32]:
    """Describe next-token distributions.

    Args:
        logits: Shape (rows, vocabulary).

    Returns:
        float32, shape (rows, SHAPE_FIGURES): entropy, the ten largest log-probabilities
        (those that a small vocabulary lacks count as -30), collision, greatest, energy.
    """
    log_p = torch.log_softmax(logits.float(), dim=-1)
    best, _ = likeliest(log_p, _TOP)
    top = best.clamp(min=_LEAST)
    missing = top.new_full((len(top), _TOP - top.shape[1]), _LEAST)
    columns = [
        entropy(logits.float())[:, None],
        top,
        missing,
        torch.logsumexp(2 * log_p, dim=-1, keepdim=True),
        logits.float().amax(dim=-1, keepdim=True),
        torch.logsumexp(logits.float(), dim=-1, keepdim=True),
    ]
    found: NDArray[np.float32] = torch.cat(columns, dim=1).cpu().numpy()
    return found
