"""Arithmetic on pairs of logits: pure, row by row."""

from __future__ import annotations

from torch import Tensor

__all__ = ["interpolate"]


def interpolate(closed: Tensor, context: Tensor, alpha: Tensor) -> Tensor:
    """Move from what the model says alone towards what it says with passages.

    Args:
        closed: Logits given the question alone, shape (rows, vocabulary).
        context: Logits given question and passages, same shape.
        alpha: Share of the passages, shape (rows,). 0 returns `closed`, 1 returns `context`;
            beyond 1 it extrapolates.
    """
    return closed + alpha[:, None] * (context - closed)
