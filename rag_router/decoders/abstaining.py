"""Contrastive decoding with abstention (CDA).

Kim et al. 2025, "When to speak, when to abstain: contrastive decoding with abstention" (ACL 2025,
arXiv 2412.12527). Three streams: the question alone (p), with passages (c), and with passages and
an instruction to abstain (a). A stream is relevant as far as it is surer than the same template
with nothing in it, the null prompt, whose entropy is Hn:

    r_i = max(Hn_i - H_i, 0) / Hn_i                      i in {p, c}
    w_i = r_i^2 / (r_p + r_c)                            0 where both are 0
    d   = w_p d_p + w_c d_c + (1 - w_p - w_c) d_a

Summaries of the paper write r with H - Hn. That cannot be meant: it would make the unsure stream
the relevant one, and the weights could leave [0, 1]; the sign here is our correction. With it
w_p + w_c <= max(r) <= 1. d may be logits or log-probabilities; the outcome is the same.

When to use it: neither memory nor passages may know, and saying so in words is wanted of the
model. It reads a third prompt and costs half again as much as the strategies of two streams.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from rag_router.component import STRICT
from rag_router.decoders.arithmetic import mix
from rag_router.models.distributions import entropy
from rag_router.models.streams import Role, StepInput, StepOutput

__all__ = ["AbstainingDecoder", "relevance_weights", "with_abstention"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AbstainingDecoder:
    """Leave to an instruction to abstain what neither stream is sure of (CDA).

    The alpha of a token in the trace is w_c, the weight of the passages, in [0, 1].

    Args:
        null_entropy_closed: Entropy after the closed-book prompt with nothing in it, in nats,
            in (0, 20]. None is measured of the model where a service is put together; a decoder
            by itself takes the most there can be, ln(vocabulary), and then a stream counts as
            relevant long before it knows, and abstention is rare.
        null_entropy_context: The same after the prompt with passages.
    """

    null_entropy_closed: Annotated[float, Field(gt=0.0, le=20.0)] | None = None
    null_entropy_context: Annotated[float, Field(gt=0.0, le=20.0)] | None = None

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context", "abstain")

    def step(self, step: StepInput) -> StepOutput:
        weights = relevance_weights(step, self.null_entropy_closed, self.null_entropy_context)
        return StepOutput(with_abstention(step, weights), weights[:, 1])


def relevance_weights(
    step: StepInput, null_entropy_closed: float | None, null_entropy_context: float | None
) -> Tensor:
    """w_p and w_c of each row, each in [0, 1] and at most 1 together, shape (rows, 2)."""
    relevance = torch.stack(
        [
            _relevance(step.logits["closed"], null_entropy_closed),
            _relevance(step.logits["context"], null_entropy_context),
        ],
        dim=1,
    )
    total = relevance.sum(dim=1, keepdim=True)
    return torch.where(total > 0, relevance * (relevance / total.clamp(min=1e-30)), 0.0)


def with_abstention(step: StepInput, weights: Tensor) -> Tensor:
    """Scores with weights of memory and passages, (rows, 2); abstention has what they leave."""
    rest = (1 - weights.sum(dim=1, keepdim=True)).clamp(min=0.0)
    streams = (step.logits["closed"], step.logits["context"], step.logits["abstain"])
    return mix(streams, torch.cat((weights, rest), dim=1))


def _relevance(logits: Tensor, null_entropy: float | None) -> Tensor:
    most = math.log(logits.shape[-1]) if null_entropy is None else null_entropy
    # A vocabulary of one token has no entropy to lose.
    return (most - entropy(logits)).clamp(min=0.0) / max(most, 1e-30)
