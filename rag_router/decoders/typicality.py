"""Contextual information-entropy constraint decoding (COIECD), the released form.

Yuan et al. 2024, "Discerning and resolving knowledge conflicts through adaptive decoding with
contextual information-entropy constraint" (Findings of ACL 2024, arXiv 2402.11893). A token's
information given the passages is held against the entropy without them,

    I(v) = -log p^c(v)        q = softmax( I - H(p) )        min q / lambda <= q(v) <= lambda max q

and a token within the bounds is typical. If exactly one token lies below the lower bound, none
counts as doing so. Then, with lambda = 1/4 and alpha = 1,

    typical      log p   + alpha (log p^c - log p)            alpha = 1: the passages as they are
    violating    log p^c + alpha (log p^c - log p)            context-aware decoding

The softmax cancels H(p), so the bounds depend on p^c alone: a token violates them if its p^c is
above lambda times the greatest, and it is not alone in that; or if it is below the least p^c
divided by lambda. Bounds are compared in logarithms, where nothing is too small; the released
code counts over its batch of one, and here each row counts for itself.

When to use it: as CAD, where passages are not always in conflict with memory. Where one token
stands out among those that the passages suggest, they are read as they are.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from rag_router.component import STRICT
from rag_router.decoders.arithmetic import capped, contrast, interpolate
from rag_router.models.streams import Role, StepInput, StepOutput

__all__ = ["TypicalityDecoder"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TypicalityDecoder:
    """Read typical tokens off the passages, contrast all others (COIECD).

    The alpha of a token in the trace is that of violating tokens, less where the passages' source
    is not fully trusted.

    Args:
        alpha: Weight of what the passages change, in [0, 100]. At 1 typical tokens are scored by
            the passages alone; at 0 by memory alone, and violating ones by the passages.
        bound: The paper's lambda, in (0, 1]. At 1 every token is typical.
    """

    alpha: Annotated[float, Field(ge=0.0, le=100.0)] = 1.0
    bound: Annotated[float, Field(gt=0.0, le=1.0)] = 0.25

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context")

    def step(self, step: StepInput) -> StepOutput:
        # Two formulas are compared token by token, so their constants matter.
        closed, context = (torch.log_softmax(step.logits[role], dim=-1) for role in self.streams)
        wanted = context.new_full((context.shape[0],), self.alpha)
        alpha = capped(wanted, step.facts, limit=self.alpha)
        # Typical tokens go beyond the passages only where alpha is above 1.
        share = capped(wanted, step.facts, limit=max(self.alpha, 1.0), plain=1.0)
        scores = torch.where(
            self.violating(context),
            contrast(closed, context, alpha),
            interpolate(closed, context, share),
        )
        return StepOutput(scores, alpha)

    def violating(self, context: Tensor) -> Tensor:
        """Whether tokens are out of bounds, from logits with passages, shape (rows, vocabulary)."""
        information = -context
        possible = ~context.isneginf()
        least = information.amin(dim=-1, keepdim=True)
        greatest = information.masked_fill(~possible, -torch.inf).amax(dim=-1, keepdim=True)
        margin = -math.log(self.bound)
        below = information < least + margin
        below &= below.sum(dim=-1, keepdim=True) != 1
        return below | (information > greatest - margin)
