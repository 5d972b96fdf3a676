"""Adaptive context-aware decoding (AdaCAD).

Wang et al. 2025, "AdaCAD: adaptively decoding to balance conflicts between contextual and
parametric knowledge" (NAACL 2025, arXiv 2409.07394). CAD, with the Jensen-Shannon divergence of
the two softmaxes over the whole vocabulary for its alpha, at every step anew:

    alpha_t = max( JSD(p^c || p), floor )      y_t ~ softmax( (1 + alpha_t) z^c - alpha_t z )
    JSD(P, Q) = KL(P || M) / 2 + KL(Q || M) / 2,   M = (P + Q) / 2

In nats, as released, so alpha lies in [0, ln 2]; with base 2 it would be 1.44 times as large.
The released code averages the divergence over the batch and clips probabilities at 1e-9; here
each row has its own, so that an answer is the same alone and in company, and zeros are exact.
For long answers the paper warms up with a floor of 0.3; for short ones there is none.

When to use it: memory and passages conflict at times. Where they agree alpha is near 0 and the
passages are read as they are. Like CAD it never takes memory's side.
"""

from __future__ import annotations

import math
from typing import Annotated, Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.decoders.arithmetic import capped, contrast
from rag_router.models.distributions import divergence
from rag_router.models.streams import Role, StepInput, StepOutput

__all__ = ["AdaptiveContextAwareDecoder"]

_MOST: Final = math.log(2)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AdaptiveContextAwareDecoder:
    """Go beyond the passages the further, the more memory disagrees (AdaCAD).

    The alpha of a token in the trace is the paper's alpha_t, less where the passages' source is
    not fully trusted.

    Args:
        floor: Least alpha, in [0, ln 2]. 0 for short answers; the paper takes 0.3 for long ones.
    """

    floor: Annotated[float, Field(ge=0.0, le=_MOST)] = 0.0

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context")

    def step(self, step: StepInput) -> StepOutput:
        closed, context = step.logits["closed"], step.logits["context"]
        wanted = divergence(context, closed).clamp(min=self.floor)
        alpha = capped(wanted, step.facts, limit=_MOST)
        return StepOutput(contrast(closed, context, alpha), alpha)
