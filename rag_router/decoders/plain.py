"""Ordinary decoding with the passages in the prompt.

Lewis et al. 2020 (arXiv 2005.11401), as everybody does it: p(y_t | q, c, y_<t), one stream.

When to use it: always, until a measurement on one's own questions says that another one is better.
Any other one here runs a second stream at every step.
"""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.models.streams import Role, StepInput, StepOutput

__all__ = ["PlainDecoder"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PlainDecoder:
    """Read the passages and say what follows; memory has no say of its own."""

    @property
    def streams(self) -> tuple[Role, ...]:
        return ("context",)

    def step(self, step: StepInput) -> StepOutput:
        return StepOutput(step.logits["context"])
