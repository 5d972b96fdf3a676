"""Confidence gain (CK-PLUG), the form that the paper describes.

Bi et al. 2025, "Parameters vs. context: fine-grained control of knowledge reliance in language
models" (ICLR 2026, arXiv 2503.15888). A step at which the passages make the model less sure,

    CG = H(p) - H(p^c) < epsilon

is one of conflict. There memory and what the passages add to it are weighed by one knob (see
`reliance`), over the union of both streams' heads, and tokens outside of it are ruled out. Any
other step reads the passages as they are. Entropies are of the whole vocabulary, in nats. The
heads are the released code's: the 10 likeliest tokens, and all with 1 % of the best one's
probability. What was released differs elsewhere, and is `confidence_gain_released`.

When to use it: one wants a dial between memory and passages that leaves alone the steps at which
they do not conflict. Without a setting each step weighs them by how sure they are.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.decoders.head import head
from rag_router.decoders.reliance import passages_share, weigh
from rag_router.models.distributions import entropy
from rag_router.models.streams import Role, StepInput, StepOutput

__all__ = ["ConfidenceGainDecoder"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ConfidenceGainDecoder:
    """Weigh memory and passages by one knob where they conflict (CK-PLUG).

    The alpha of a token in the trace is the share of what the passages add: 1 - reliance at a
    step of conflict, and 1 at any other. Beyond 1/2 it amplifies the passages, and is less where
    their source is not fully trusted.

    Args:
        reliance: How far memory is relied on at a step of conflict, in [0, 1]: 1 says what
            memory says, 0.5 what the passages say, 0 only what they add to memory. None weighs
            the streams by how sure they are.
        epsilon: A step gains less than so many nats where there is conflict, in [-15, 15]. The
            paper takes 0, or -1 to -3, depending on the model.
        head_tokens: Least tokens in a stream's head, >= 1.
        head_share: Least share of the best token's probability in the head, in (0, 1].
    """

    reliance: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    epsilon: Annotated[float, Field(ge=-15.0, le=15.0)] = 0.0
    head_tokens: Annotated[int, Field(ge=1)] = 10
    head_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.01

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context")

    def step(self, step: StepInput) -> StepOutput:
        closed, context = step.logits["closed"], step.logits["context"]
        unsure_closed, unsure_context = entropy(closed), entropy(context)
        conflict = unsure_closed - unsure_context < self.epsilon
        share = passages_share(self.reliance, unsure_closed, unsure_context, step.facts)
        plausible = head(closed, tokens=self.head_tokens, share=self.head_share) | head(
            context, tokens=self.head_tokens, share=self.head_share
        )
        weighed = weigh(closed, context, share).masked_fill(~plausible, -torch.inf)
        return StepOutput(
            torch.where(conflict[:, None], weighed, context), torch.where(conflict, share, 1.0)
        )
