"""Confidence gain (CK-PLUG), the form that was released.

Bi et al. 2025 (ICLR 2026, arXiv 2503.15888), after the published code. It differs from the paper,
and from `confidence_gain`, in four ways. Everything is restricted to the union of both streams'
heads first, at every step, and entropies are of what is left. A step is one of conflict if

    H(p) < 2 H(p^c)

which is far oftener than H(p) < H(p^c). And where no reliance on memory is set, the scores are

    2 H(p^c) / S log p + 2 H(p) / S (log p^c - log p)
    S = H(p^c) + nu H(p)        nu = 1 + |H(p) - H(p^c)| / ( H(p) + H(p^c) )

The weights stand to each other as in the paper; only the temperature differs, and with it how
sure the answer looks, not what it says. Zero probabilities are exact here, where the code adds
1e-9 to them.

When to use it: to compare with figures that were published. It touches most steps.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from rag_router.component import STRICT
from rag_router.decoders.head import head
from rag_router.decoders.reliance import passages_share, weigh
from rag_router.models.distributions import entropy
from rag_router.models.streams import Role, StepInput, StepOutput

__all__ = ["ConfidenceGainReleasedDecoder"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ConfidenceGainReleasedDecoder:
    """Weigh memory and passages by one knob at most steps (CK-PLUG, as released).

    The alpha of a token in the trace is the share of what the passages add: 1 - reliance at a
    step of conflict, and 1 at any other. Beyond 1/2 it amplifies the passages, and is less where
    their source is not fully trusted.

    Args:
        reliance: How far memory is relied on at a step of conflict, in [0, 1]: 1 says what
            memory says, 0.5 what the passages say, 0 only what they add to memory. None weighs
            the streams by how sure they are.
        head_tokens: Least tokens in a stream's head, >= 1.
        head_share: Least share of the best token's probability in the head, in (0, 1].
    """

    reliance: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    head_tokens: Annotated[int, Field(ge=1)] = 10
    head_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.01

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context")

    def step(self, step: StepInput) -> StepOutput:
        closed, context = self._heads(step.logits["closed"], step.logits["context"])
        unsure_closed, unsure_context = entropy(closed), entropy(context)
        conflict = unsure_closed < 2 * unsure_context
        share = passages_share(self.reliance, unsure_closed, unsure_context, step.facts)
        weighed = weigh(closed, context, share)
        if self.reliance is None:
            weighed = weighed * _sharpness(unsure_closed, unsure_context)[:, None]
        scores = torch.where(conflict[:, None], weighed, context)
        neither = closed.isneginf() & context.isneginf()
        return StepOutput(
            scores.masked_fill(neither, -torch.inf), torch.where(conflict, share, 1.0)
        )

    def _heads(self, closed: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        beyond = ~(
            head(closed, tokens=self.head_tokens, share=self.head_share)
            | head(context, tokens=self.head_tokens, share=self.head_share)
        )
        return closed.masked_fill(beyond, -torch.inf), context.masked_fill(beyond, -torch.inf)


def _sharpness(unsure_closed: Tensor, unsure_context: Tensor) -> Tensor:
    """2 (H(p) + H(p^c)) / S: what the released weights add up to; 1 where nothing is unsure."""
    total = unsure_closed + unsure_context
    safe = total.clamp(min=1e-30)
    nu = 1 + (unsure_closed - unsure_context).abs() / safe
    return torch.where(
        total > 0, 2 * total / (unsure_context + nu * unsure_closed).clamp(min=1e-30), 1.0
    )
