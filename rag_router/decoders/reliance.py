"""How far memory is relied on where it conflicts with the passages: CK-PLUG's one knob.

Bi et al. 2025, "Parameters vs. context: fine-grained control of knowledge reliance in language
models" (ICLR 2026, arXiv 2503.15888). With a the reliance on memory,

    F = a log p + (1 - a) (log p^c - log p)        adaptive: a = H(p^c) / ( H(p) + H(p^c) )

so a = 1 says what memory says, a = 0 only what the passages add to it, and a = 1/2 what the
passages say, at temperature 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rag_router.decoders.arithmetic import capped, floored
from rag_router.models.streams import Facts

__all__ = ["passages_share", "weigh"]


def passages_share(
    reliance: float | None, unsure_closed: Tensor, unsure_context: Tensor, facts: Sequence[Facts]
) -> Tensor:
    """1 - a for each row, in [0, 1], shape (rows,).

    Args:
        reliance: The knob a, in [0, 1]; None weighs by the entropies.
        unsure_closed: Entropy without passages, >= 0, shape (rows,).
        unsure_context: The same with passages. Where both are 0 the share is 1/2.
        facts: Of each row. What is beyond 1/2 amplifies the passages, and is capped by trust.
    """
    if reliance is not None:
        share = torch.full_like(unsure_closed, 1 - reliance)
    else:
        total = unsure_closed + unsure_context
        share = torch.where(total > 0, unsure_closed / total.clamp(min=1e-30), 0.5)
    return capped(share, facts, limit=1.0, plain=0.5)


def weigh(closed: Tensor, context: Tensor, share: Tensor) -> Tensor:
    """F for logits of shape (rows, vocabulary) and the passages' share of shape (rows,)."""
    memory = floored(closed)
    added = floored(context) - memory
    return (1 - share[:, None]) * memory + share[:, None] * added
