"""A contrast of fixed strength that remembers how likely both streams hold what it says.

    F = log q + alpha (log q - log p)

with log p the closed-book and log q the contextual log-probabilities: at 0 the passages are read
as they are, above that they are amplified as in context-aware decoding (arXiv 2305.14739). Of each
token log p and log q are remembered, so that the whole answer can be judged once it has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rag_router.decoders.arithmetic import capped, interpolate
from rag_router.models.streams import Role, StepInput, StepOutput

__all__ = ["WatchedContrast", "likelihoods"]

_LEAST = -50.0
"""What a token counts at least, in nats: further down nothing is told apart."""


@dataclass(frozen=True, slots=True)
class WatchedContrast:
    """Amplify the passages by alpha, and remember what both streams think of each token.

    Where tokens are drawn, what is remembered is of the likeliest ones.

    Attributes:
        alpha: How far beyond the passages, >= 0; less where their source is not fully trusted.
    """

    alpha: float

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context")

    def step(self, step: StepInput) -> StepOutput:
        closed, context = step.logits["closed"], step.logits["context"]
        wanted = context.new_full((context.shape[0],), self.alpha)
        alpha = capped(wanted, step.facts, limit=self.alpha)
        scores = interpolate(closed, context, 1 + alpha)
        best = scores.argmax(dim=-1, keepdim=True)
        thought = torch.cat([_log_p(closed, best), _log_p(context, best)], dim=1)
        seen = [
            (*(state or ()), row) for state, row in zip(step.state, thought.unbind(0), strict=True)
        ]
        return StepOutput(scores, alpha, seen)


def likelihoods(state: Sequence[Tensor] | Any) -> tuple[float, float, int]:
    """Return log p and log q of an answer, and its tokens; what only ended it does not count.

    Args:
        state: Of the answer's last step; None where nothing was remembered.
    """
    if not state:
        return 0.0, 0.0, 0
    told = torch.stack(tuple(state))[: max(len(state) - 1, 1)].double().cpu()
    closed, context = told.sum(dim=0).tolist()
    return closed, context, len(told)


def _log_p(logits: Tensor, tokens: Tensor) -> Tensor:
    log_p = logits.gather(1, tokens) - torch.logsumexp(logits, dim=-1, keepdim=True)
    return log_p.clamp(min=_LEAST)
