"""No-worse context-aware decoding, as far as it is known to us (NWCAD-like).

Tao and Agrawal 2026, "No-worse context-aware decoding: preventing neutral regression in
context-conditioned generation" (Findings of ACL 2026, arXiv 2604.16686). At every step one of
three is chosen, by the divergence of the streams and by the margin between the probabilities of
a stream's two likeliest tokens:

    JSD(p^c, p) <= tau and margin(p) >= kappa_prior      z, exactly: the passages change nothing
    else margin(p^c) >= kappa_context                    z^c, exactly: the passages are sure
    else                                                 (1 + alpha) z^c - alpha z

The divergence is taken over the union of both streams' 50 likeliest tokens, renormalised, in
nats. The paper's contrastive fallback is CoCoA; here it is context-aware decoding (arXiv
2305.14739), which the paper allows too. The thresholds are ours, since the paper's are not known
to us; the paper tunes them once, on one model, and reports 1-2 % of tokens in the fallback.

When to use it: passages are often irrelevant, and must not cost an answer that memory has right.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from rag_router.component import STRICT
from rag_router.decoders.arithmetic import capped, contrast
from rag_router.decoders.head import head
from rag_router.models.distributions import divergence, margin
from rag_router.models.streams import Role, StepInput, StepOutput

__all__ = ["DoNoHarmDecoder"]

_HEAD_TOKENS = 50


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DoNoHarmDecoder:
    """Keep to memory where the passages change nothing (NWCAD-like).

    The alpha of a token in the trace is 0 where memory was kept, 1 where the passages were read,
    and 1 + alpha where they were contrasted.

    Args:
        tau: Streams that diverge by at most so many nats agree, in [0, ln 2].
        kappa_prior: Memory is sure from this margin on, in [0, 1].
        kappa_context: Passages are sure from this margin on, in [0, 1].
        alpha: How far beyond the passages the fallback goes, in [0, 100].
    """

    tau: Annotated[float, Field(ge=0.0, le=math.log(2))] = 0.05
    kappa_prior: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3
    kappa_context: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    alpha: Annotated[float, Field(ge=0.0, le=100.0)] = 0.5

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context")

    def step(self, step: StepInput) -> StepOutput:
        closed, context = step.logits["closed"], step.logits["context"]
        agree = _divergence_of_heads(closed, context) <= self.tau
        memory = agree & (margin(closed) >= self.kappa_prior)
        passages = margin(context) >= self.kappa_context
        wanted = context.new_full((context.shape[0],), self.alpha)
        alpha = capped(wanted, step.facts, limit=self.alpha)
        read = torch.where(passages[:, None], context, contrast(closed, context, alpha))
        return StepOutput(
            torch.where(memory[:, None], closed, read),
            torch.where(memory, 0.0, torch.where(passages, 1.0, 1 + alpha)),
        )


def _divergence_of_heads(closed: Tensor, context: Tensor) -> Tensor:
    beyond = ~(head(closed, tokens=_HEAD_TOKENS) | head(context, tokens=_HEAD_TOKENS))
    return divergence(
        closed.masked_fill(beyond, -torch.inf), context.masked_fill(beyond, -torch.inf)
    )
