"""How far to go in a direction, so that a distribution changes by a given amount.

Going from logits z along d is an exponential family, p_s = softmax(z + s d). With
A(s) = log sum exp(z + s d),

    KL(p_s || p_0) = s E_s[d] - A(s) + A(0)        d/ds KL(p_s || p_0) = s Var_s[d] >= 0

so that the change grows with s, and the s of a wanted change is unique and found by Newton's
steps between two bounds that close in.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

__all__ = ["change", "strength_of_change"]

_STEPS: Final = 40
"""More than halving the whole range down to what float32 can tell apart would take."""
_CLOSE: Final = 1e-4
"""A change that is so near to the wanted one, as a share of it, is the wanted one."""
_NOTHING: Final = 1e-7
"""Nats that no float32 logits can tell from none."""


def change(to: Tensor, of: Tensor) -> Tensor:
    """KL(softmax(to) || softmax(of)) in nats, shape (rows,); both logits finite."""
    log_p, log_q = torch.log_softmax(to, dim=-1), torch.log_softmax(of, dim=-1)
    kl: Tensor = log_p.exp().mul_(log_p - log_q).sum(dim=-1)
    return kl.clamp(min=0.0)


def strength_of_change(logits: Tensor, direction: Tensor, wanted: Tensor, *, most: float) -> Tensor:
    """Find how far along the direction the distribution has changed as much as is wanted.

    Args:
        logits: Where it starts, finite, shape (rows, vocabulary).
        direction: Where it goes, finite, same shape.
        wanted: KL divergence from where it started, in nats, >= 0, shape (rows,).
        most: How far it goes at most, > 0; it goes so far where even that changes too little.

    Returns:
        How far each row goes, in [0, most], shape (rows,).
    """
    low, high = torch.zeros_like(wanted), torch.full_like(wanted, most)
    # Where the direction leads from these very logits to others, the answer is 1.
    s = torch.full_like(wanted, min(1.0, most))
    done = torch.zeros_like(wanted, dtype=torch.bool)
    begun = torch.logsumexp(logits, dim=-1)
    for _ in range(_STEPS):
        excess, slope = _excess(logits, direction, s, begun, wanted)
        done |= excess.abs() <= _CLOSE * wanted + _NOTHING
        # Nothing lies beyond the most; a row that has arrived stays where it is.
        done |= (s >= most) & (excess < 0)
        if bool(done.all()):
            break
        low, high = torch.where(excess < 0, s, low), torch.where(excess > 0, s, high)
        newton = s - excess / slope
        # Beyond the most that may be gone, the most is tried first: it may not be enough.
        newton = torch.where((newton >= most) & (s < most) & (high >= most), high, newton)
        inside = (newton > low) & (newton < high) | ((newton == high) & (high >= most))
        s = torch.where(done, s, torch.where(inside, newton, (low + high) / 2))
    return s


def _excess(
    logits: Tensor, direction: Tensor, s: Tensor, begun: Tensor, wanted: Tensor
) -> tuple[Tensor, Tensor]:
    """By how much the change at s is beyond the wanted one, and how fast it grows there."""
    moved = torch.addcmul(logits, direction, s[:, None])
    total = torch.logsumexp(moved, dim=-1)
    p = moved.sub_(total[:, None]).exp_()
    weighed = p * direction
    mean = weighed.sum(dim=-1)
    variance = weighed.mul_(direction).sum(dim=-1) - mean.square()
    return s * mean - total + begun - wanted, s * variance.clamp(min=0.0)
