"""Entropy, divergence and margin of next-token distributions, safe where probabilities are zero."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from rag_router.models.likeliest import likeliest

__all__ = ["compared", "divergence", "entropy", "margin"]


_LOWEST: Final = -1e3
"""Stands for log-probabilities below it: there a probability is zero even in float64."""


def entropy(logits: Tensor) -> Tensor:
    """Shannon entropy in nats of softmax(logits), shape (rows,); exact where p is zero."""
    log_p = torch.log_softmax(logits, dim=-1)
    return _entropy(log_p.exp(), log_p)


def divergence(left: Tensor, right: Tensor) -> Tensor:
    """Jensen-Shannon divergence in nats of two softmaxes, row by row, in [0, ln 2]."""
    return compared(left, right)[2]


def compared(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Entropies of two softmaxes and their divergence, for what the divergence alone takes."""
    log_p, log_q = torch.log_softmax(left, dim=-1), torch.log_softmax(right, dim=-1)
    p, q = log_p.exp(), log_q.exp()
    entropy_p, entropy_q = _entropy(p, log_p), _entropy(q, log_q)
    middle = p.add_(q).div_(2)
    log_middle = middle.clamp(min=torch.finfo(middle.dtype).tiny).log_()
    # H(M) - (H(P) + H(Q)) / 2: free of 0/0, and zero for equal rows up to rounding.
    gap = _entropy(middle, log_middle) - (entropy_p + entropy_q) / 2
    return entropy_p, entropy_q, gap.clamp(min=0.0)


def _entropy(p: Tensor, log_p: Tensor) -> Tensor:
    """Entropy of probabilities whose logarithms are known; these are overwritten.

    Over a vocabulary of 262k tokens, making new tensors takes longer than filling them.
    """
    total: Tensor = log_p.clamp_(min=_LOWEST).mul_(p).sum(dim=-1)
    return -total


def margin(logits: Tensor) -> Tensor:
    """How far the likeliest token's probability is above the next one's, shape (rows,), in [0, 1].

    1 where the vocabulary has one token only.
    """
    p = torch.softmax(logits, dim=-1)
    best, _ = likeliest(p, 2)
    return best[:, 0] - best[:, 1:].sum(dim=-1)
