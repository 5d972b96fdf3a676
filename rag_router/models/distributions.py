"""Entropy, divergence and margin of next-token distributions, safe where probabilities are zero."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["divergence", "entropy", "margin"]


def entropy(logits: Tensor) -> Tensor:
    """Shannon entropy in nats of softmax(logits), shape (rows,); exact where p is zero."""
    log_p = torch.log_softmax(logits, dim=-1)
    total: Tensor = torch.special.entr(log_p.exp()).sum(dim=-1)
    return total


def divergence(left: Tensor, right: Tensor) -> Tensor:
    """Jensen-Shannon divergence in nats of two softmaxes, row by row, in [0, ln 2]."""
    p, q = torch.softmax(left, dim=-1), torch.softmax(right, dim=-1)
    middle = (p + q) / 2
    # H(M) - (H(P) + H(Q)) / 2: free of 0/0, and zero for equal rows up to rounding.
    gap: Tensor = (
        torch.special.entr(middle).sum(dim=-1)
        - (torch.special.entr(p).sum(dim=-1) + torch.special.entr(q).sum(dim=-1)) / 2
    )
    return gap.clamp(min=0.0)


def margin(logits: Tensor) -> Tensor:
    """How far the likeliest token's probability is above the next one's, shape (rows,), in [0, 1].

    1 where the vocabulary has one token only.
    """
    p = torch.softmax(logits, dim=-1)
    best = p.topk(min(2, p.shape[-1]), dim=-1).values
    return best[:, 0] - best[:, 1:].sum(dim=-1)
