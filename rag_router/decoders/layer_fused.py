"""Layer-fused decoding, as far as it is known to us (LFD-like).

Sun et al. 2025, "LFD: layer fused decoding to exploit external knowledge in retrieval-augmented
generation" (arXiv 2508.19614). Middle layers take in what the passages say, and deep ones overlay
it with what the model knows by itself; so what a middle layer would say is fused with what the
last one says. With h_l and g_l the residual stream before and after layer l's feed-forward
network, which is where a model's own knowledge sits, and p(.) the softmax of the output head
behind the last norm,

    IKS_l = JSD( p(h_l) || p(g_l) )           internal knowledge score of layer l
    l*    = argmin IKS_l                      over the latter half of the layers but the last
    F(v)  = log p_L(v) + log p_l*(v)          where p_L(v) >= plausible * max p_L, else -inf

with p_L the model's own distribution, everything at the last token and anew at every step. Only
the choice of l* is from the paper's abstract. The formula of the score is that of Sun et al. 2024
(arXiv 2410.11414) for parametric knowledge, which we take the paper to use; the sum and the
constraint are those of decoding by layers (Li et al. 2023, arXiv 2210.15097; Chuang et al. 2023,
arXiv 2309.03883), with their 0.1. Divergences are in nats; where scores tie, the lowest layer is
taken.

When to use it: passages are read but not followed, and a second stream is too dear. It reads one
prompt, but the output head twice for each layer of the latter half, which is most of the work of a
small model with a large vocabulary.
"""

from __future__ import annotations

import math
from typing import Annotated, Final

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from rag_router.component import STRICT
from rag_router.decoders.arithmetic import floored
from rag_router.models.distributions import divergence
from rag_router.models.layers import LayerStates
from rag_router.models.streams import Role, StepInput, StepOutput

__all__ = ["LayerFusedDecoder", "least_internal"]

_DISTRIBUTIONS: Final = 32
"""How many are held at once: 32 MiB for a vocabulary of 262,144 tokens."""

_TIE: Final = 1e-6
"""Scores that differ by less differ by rounding, which company must not decide."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LayerFusedDecoder:
    """Fuse what is said with what a middle layer would say (LFD-like).

    It weighs no passages against memory, so there is no alpha in the trace.

    Args:
        plausible: Least share of the likeliest token's probability that a token must have, in
            (0, 1]. At 1 what the model says is left as it is.
    """

    plausible: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("context",)

    @property
    def layers(self) -> tuple[Role, ...]:
        return ("context",)

    def step(self, step: StepInput) -> StepOutput:
        logits = step.logits["context"]
        fused = torch.log_softmax(logits, dim=-1) + torch.log_softmax(
            floored(least_internal(step.layers["context"])), dim=-1
        )
        least = logits.amax(dim=-1, keepdim=True) + math.log(self.plausible)
        return StepOutput(fused.masked_fill(logits < least, -torch.inf))


def least_internal(layers: LayerStates) -> Tensor:
    """Logits after the layer of lowest internal knowledge score, row by row, (rows, vocabulary)."""
    at_once = max(_DISTRIBUTIONS // (2 * layers.rows), 1)
    lowest = torch.full((layers.rows,), torch.inf, device=layers.after.device)
    chosen: Tensor | None = None
    for first in range(0, layers.layers, at_once):
        before, after = layers.logits(range(first, min(first + at_once, layers.layers)))
        scores = divergence(before, after)
        for score, logits in zip(scores.unbind(dim=1), after.unbind(dim=1), strict=True):
            lower = score < lowest - _TIE
            chosen = logits if chosen is None else torch.where(lower[:, None], logits, chosen)
            lowest = torch.where(lower, score, lowest)
    assert chosen is not None, "a model has a later layer"
    return chosen
