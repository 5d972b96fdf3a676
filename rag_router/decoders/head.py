"""Which tokens of a distribution are worth looking at: its head.

After the plausibility constraint of contrastive decoding (Li et al. 2023, arXiv 2210.15097): far
down the tail, ratios of two probabilities are noise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rag_router.models.likeliest import likeliest

__all__ = ["head"]


def head(logits: Tensor, *, tokens: int, share: float = 1.0) -> Tensor:
    """Whether a token is among the likeliest, or likely enough beside the very likeliest.

    Args:
        logits: Shape (rows, vocabulary).
        tokens: So many are in the head at least, >= 1; tokens that tie with the last are too,
            and tokens that are ruled out (-inf) never.
        share: A token with at least this share of the best token's probability is in the head
            too, in (0, 1].

    Returns:
        bool, same shape.
    """
    best, _ = likeliest(logits, tokens)
    last, enough = best[:, -1:], best[:, :1] + math.log(share)
    return (logits >= torch.minimum(last, enough)) & ~logits.isneginf()
