"""Context-aware decoding (CAD).

Shi et al. 2023, "Trusting your evidence: hallucinate less with context-aware decoding"
(NAACL 2024, arXiv 2305.14739). With z the logits without and z^c those with passages,

    y_t ~ softmax( (1 + alpha) z^c - alpha z )

the product of p^c and (p^c / p)^alpha: an extrapolation beyond the passages, away from memory.
The paper uses alpha = 1 where memory and passages are known to conflict, and 0.5 everywhere else.

When to use it: the passages are right and memory is outdated. It follows passages further than
any other strategy here, wrong and irrelevant ones too, and costs accuracy where passages and
memory agree; `adaptive_context_aware` and `typicality` were made to mend that.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.decoders.arithmetic import capped, contrast
from rag_router.models.streams import Role, StepInput, StepOutput

__all__ = ["ContextAwareDecoder"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ContextAwareDecoder:
    """Go beyond the passages, away from memory, by a fixed amount (CAD).

    The alpha of a token in the trace is this one, less where the passages' source is not fully
    trusted.

    Args:
        alpha: How far beyond, in [0, 100]. 0 reads the passages as they are.
    """

    alpha: Annotated[float, Field(ge=0.0, le=100.0)] = 0.5

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("closed", "context")

    def step(self, step: StepInput) -> StepOutput:
        closed, context = step.logits["closed"], step.logits["context"]
        wanted = context.new_full((context.shape[0],), self.alpha)
        alpha = capped(wanted, step.facts, limit=self.alpha)
        return StepOutput(contrast(closed, context, alpha), alpha)
