"""Contrastive decoding with abstention and momentum (CDA-m).

Kim et al. 2025 (ACL 2025, arXiv 2412.12527): CDA (see `abstaining`) whose weights do not jump from
token to token,

    w_t <- m w_{t-1} + (1 - m) w_t

with w_{t-1} what was used one step ago, and the first step's weights as they are. The paper's m
is not known to us.

When to use it: in place of `abstaining` where answers have several tokens; what begins as an
abstention should go on as one.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.decoders.abstaining import relevance_weights, with_abstention
from rag_router.models.streams import Role, StepInput, StepOutput

__all__ = ["AbstainingMomentumDecoder"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AbstainingMomentumDecoder:
    """Abstain as CDA does, with weights that never jump between tokens (CDA-m).

    The alpha of a token in the trace is w_c, the weight of the passages, in [0, 1].

    Args:
        null_entropy_closed: Entropy after the closed-book prompt with nothing in it, in nats,
            in (0, 20]. None is measured of the model where a service is put together; a decoder
            by itself takes the most there can be, ln(vocabulary), and then a stream counts as
            relevant long before it knows, and abstention is rare.
        null_entropy_context: The same after the prompt with passages.
        momentum: Weight of the weights one step ago, in [0, 1). 0 is CDA.
    """

    null_entropy_closed: Annotated[float, Field(gt=0.0, le=20.0)] | None = None
    null_entropy_context: Annotated[float, Field(gt=0.0, le=20.0)] | None = None
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.7

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context", "abstain")

    def step(self, step: StepInput) -> StepOutput:
        now = relevance_weights(step, self.null_entropy_closed, self.null_entropy_context)
        # They stay on the device: taking them off would wait for it at every token.
        before = torch.stack(
            [own if last is None else last for own, last in zip(now, step.state, strict=True)]
        )
        weights = torch.lerp(now, before, self.momentum)
        return StepOutput(with_abstention(step, weights), weights[:, 1], list(weights))
