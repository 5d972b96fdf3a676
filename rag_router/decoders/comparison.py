"""How two streams look side by side at one step: figures to weigh them by.

All are of the next-token distributions p without and q with passages, in nats or probabilities;
v and w are the likeliest tokens of p and q, and what is further down than e^-20 counts as that.

    entropy_closed, entropy_context        H(p), H(q)
    divergence                             JSD(p, q) / ln 2, in [0, 1]
    margin_closed, margin_context          best less second best probability
    best_closed, best_context              log p(v), log q(w)
    memory_beside, passages_beside         log q(v) - log q(w), log p(w) - log p(v): what each
                                           thinks of the other's favourite, <= 0
    agreement                              1 where v is w, else 0
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from rag_router.models.distributions import compared
from rag_router.models.likeliest import likeliest

__all__ = ["FIGURES", "side_by_side"]

FIGURES: Final = (
    "entropy_closed",
    "entropy_context",
    "divergence",
    "margin_closed",
    "margin_context",
    "best_closed",
    "best_context",
    "memory_beside",
    "passages_beside",
    "agreement",
)
"""Names of the figures, in their order."""

_FURTHEST: Final = -20.0


def side_by_side(closed: Tensor, context: Tensor) -> Tensor:
    """Return the figures of each row, shape (rows, figures), finite whatever is ruled out.

    Args:
        closed: Logits given the question alone, shape (rows, vocabulary).
        context: Logits given question and passages, same shape.
    """
    entropy_closed, entropy_context, apart = compared(closed, context)
    best_closed, memory, margin_closed = _favourite(closed)
    best_context, passages, margin_context = _favourite(context)
    beside = context.gather(1, memory) - context.gather(1, passages)
    other = closed.gather(1, passages) - closed.gather(1, memory)
    figures = torch.stack(
        [
            entropy_closed,
            entropy_context,
            apart / math.log(2),
            margin_closed,
            margin_context,
            best_closed,
            best_context,
            beside[:, 0],
            other[:, 0],
            (memory == passages)[:, 0].to(closed.dtype),
        ],
        dim=1,
    )
    return figures.clamp_(min=_FURTHEST)


def _favourite(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probability of the likeliest token, its number (rows, 1), and its margin."""
    values, numbers = likeliest(logits, 2)
    log_p = values - torch.logsumexp(logits, dim=-1, keepdim=True)
    p = log_p.exp()
    return log_p[:, 0], numbers[:, :1], p[:, 0] - p[:, 1:].sum(dim=-1)
