"""Arithmetic on the streams of a row: pure, row by row, and safe where tokens are ruled out.

A token that is ruled out has the logit -inf. A difference of two such logits is no number, so
the formulas are worked on logits of which none counts as further below the best than `LOWEST`:
beyond anything that a model says of a token by itself, and far from where float32 ends. A token
that all streams rule out stays ruled out.

Logits may be raw or normalised: a constant added to all of a stream's logits in a row adds a
constant to the row's scores, and changes no probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Final

import torch
from torch import Tensor

from rag_router.models.streams import Facts
from rag_router.models.transfers import sent

__all__ = ["LOWEST", "capped", "contrast", "floored", "interpolate", "mix"]

LOWEST: Final = -1e3
"""What a logit counts at least, relative to the best token's, in nats."""


def floored(logits: Tensor) -> Tensor:
    """Logits of shape (rows, vocabulary) as a new tensor, finite everywhere, -inf included."""
    return torch.maximum(logits, logits.amax(dim=-1, keepdim=True) + LOWEST)


def interpolate(closed: Tensor, context: Tensor, alpha: Tensor) -> Tensor:
    """Move from what the model says alone towards what it says with passages.

    Args:
        closed: Logits given the question alone, shape (rows, vocabulary).
        context: Logits given question and passages, same shape.
        alpha: Share of the passages, shape (rows,). 0 says what `closed` says, 1 what `context`
            says; beyond 1 it extrapolates.
    """
    return mix((closed, context), torch.stack((1 - alpha, alpha), dim=1))


def mix(streams: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Add up the logits of several streams: a product of powers of their probabilities.

    Args:
        streams: Logits of each, shape (rows, vocabulary).
        weights: Of each stream in each row, shape (rows, streams).
    """
    scores = floored(streams[0]).mul_(weights[:, 0, None])
    for n, logits in enumerate(streams[1:], start=1):
        scores += floored(logits).mul_(weights[:, n, None])
    nowhere = reduce(torch.maximum, streams) == -torch.inf
    return scores.masked_fill_(nowhere, -torch.inf)


def contrast(closed: Tensor, context: Tensor, alpha: Tensor) -> Tensor:
    """Go beyond what the passages say, away from what the model says without them.

    p^c (p^c / p)^alpha up to a constant, with p and p^c the closed and the contextual softmax.

    Args:
        closed: Logits given the question alone, shape (rows, vocabulary).
        context: Logits given question and passages, same shape. What they rule out stays so.
        alpha: How far beyond, >= 0, shape (rows,). 0 returns `context` unchanged.
    """
    beyond = floored(context).sub_(floored(closed)).mul_(alpha[:, None])
    return beyond.add_(context)


def capped(alpha: Tensor, facts: Sequence[Facts], *, limit: float, plain: float = 0.0) -> Tensor:
    """Let alpha go beyond reading the passages only as far as their source is trusted.

    Contrast amplifies whatever the passages say, and so what somebody put into them on purpose.
    Full trust leaves the published method as it is; without trust the passages may be read, but
    not amplified:  min(alpha, plain + trust (limit - plain)).

    Args:
        alpha: What the method asks for, shape (rows,).
        facts: Of each row; `trust` is read.
        limit: The most that the method can ask for.
        plain: The alpha at which the passages are read as they are.
    """
    trust = sent([f.trust for f in facts], like=alpha)
    return torch.minimum(alpha, plain + trust * (limit - plain))
