"""Adaptive contrastive decoding (ACD), the published form.

Kim et al. 2024, "Adaptive contrastive decoding in retrieval-augmented generation for handling
noisy contexts" (Findings of EMNLP 2024, arXiv 2408.01084). With z the logits without and z^c
those with passages, and H the Shannon entropy of their softmaxes over the whole vocabulary,

    alpha = H(p) / (H(p) + H(p^c))        p_hat = softmax(z + alpha (z^c - z))

alpha lies in [0, 1]: an interpolation, never an extrapolation. A model that is unsure without
passages and sure with them follows the passages; passages that raise the entropy lose weight.
The base of the logarithm cancels. Where both entropies are zero the paper leaves alpha open;
here it is 1/2. The released code's p*log2(p) is NaN at exact zeros; ours is not.

When to use it: passages may be noisy, and memory is worth something. What conflicts with memory
is followed less than by reading the passages alone.
"""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.decoders.arithmetic import interpolate
from rag_router.models.distributions import entropy
from rag_router.models.streams import Role, StepInput, StepOutput

__all__ = ["AdaptiveContrastDecoder"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AdaptiveContrastDecoder:
    """Weigh memory and passages token by token by how unsure each stream is (ACD)."""

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context")

    def step(self, step: StepInput) -> StepOutput:
        closed, context = step.logits["closed"], step.logits["context"]
        unsure_closed, unsure_context = entropy(closed), entropy(context)
        total = unsure_closed + unsure_context
        alpha = torch.where(total > 0, unsure_closed / total.clamp(min=1e-30), 0.5)
        return StepOutput(interpolate(closed, context, alpha), alpha)
