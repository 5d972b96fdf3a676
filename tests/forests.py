"""Forests that are written down: one leaf, or one question with two answers."""

from __future__ import annotations

import numpy as np

from rag_router.decoders.considerations import CONSIDERED
from rag_router.decoders.rewards import RewardForest

__all__ = ["leaf", "split"]


def leaf(*shares):
    """One tree of one leaf: it promises the same whatever it is asked."""
    return RewardForest(
        roots=np.zeros(1, dtype=np.int32),
        column=np.full(1, -1, dtype=np.int8),
        limit=np.zeros(1, dtype=np.float32),
        right=np.zeros(1, dtype=np.int16),
        share=np.array([shares], dtype=np.float16),
    )


def split(name, limit, low, high):
    """One tree that asks whether what is called so is at most the limit."""
    nothing = [0.0] * len(low)
    return RewardForest(
        roots=np.zeros(1, dtype=np.int32),
        column=np.array([CONSIDERED.index(name), -1, -1], dtype=np.int8),
        limit=np.array([limit, 0.0, 0.0], dtype=np.float32),
        right=np.array([2, 0, 0], dtype=np.int16),
        share=np.array([nothing, low, high], dtype=np.float16),
    )
