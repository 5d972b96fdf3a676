"""What the tests of decoders share: one step, from probabilities that are written down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rag_router.models.streams import Facts, StepInput, StepOutput, Strategy

__all__ = ["NEVER", "logits", "probabilities", "step"]

NEVER = -math.inf


def logits(*row: float) -> list[float]:
    """Log-probabilities of a row of probabilities; a token of probability 0 is ruled out."""
    return [math.log(p) if p else NEVER for p in row]


def probabilities(out: StepOutput) -> list[list[float]]:
    """What the scores of each row mean."""
    return torch.softmax(out.scores, dim=-1).tolist()


def step(
    decoder: Strategy,
    *,
    facts: Sequence[Facts] | None = None,
    state: Sequence[Any] | None = None,
    **streams: Sequence[Sequence[float]] | Tensor,
) -> StepOutput:
    """One step of the decoder over rows of logits, given by stream."""
    made = {role: torch.as_tensor(rows, dtype=torch.float32) for role, rows in streams.items()}
    rows = len(next(iter(made.values())))
    return decoder.step(StepInput(made, facts or [Facts()] * rows, state or [None] * rows))
