"""What can be set about the training of an adapter of a language model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT

__all__ = ["AdaptedLayers", "AdapterTraining", "Precision"]

AdaptedLayers = Literal["all", "attention", "queries_and_values"]
"""Which linear layers of a model get matrices."""

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AdapterTraining:
    """Settings of the training.

    Args:
        rank: Of the matrices.
        alpha: What they are added with is alpha / rank.
        dropout: Before the matrices.
        layers: Which linear layers get matrices.
        learning_rate: Highest.
        warmup: Share of the training in which it rises.
        batch_size: Rows in a step.
        epochs: Most times that all rows are seen.
        minutes: Most minutes of training, pauses left out; None is no limit.
        judge_steps: Steps from one judgement on the rows kept apart to the next.
        patience: Judgements without a better adapter before training stops.
        checkpoint_steps: Most steps that a killed training repeats.
        max_norm: Longer gradients are cut to this length.
        answer_tokens: Most tokens of an answer; rows with longer ones are left out.
        precision: Of the frozen weights while training; "auto" is bfloat16 where the processor
            multiplies in it.
        seed: Of everything that is drawn.
    """

    rank: Annotated[int, Field(ge=1, le=256)] = 8
    alpha: Annotated[int, Field(gt=0)] = 16
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    layers: AdaptedLayers = "all"
    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    batch_size: Annotated[int, Field(ge=1)] = 16
    epochs: Annotated[int, Field(ge=1)] = 3
    minutes: Annotated[float, Field(gt=0)] | None = 12.0
    judge_steps: Annotated[int, Field(ge=1)] = 40
    patience: Annotated[int, Field(ge=1)] = 4
    checkpoint_steps: Annotated[int, Field(ge=1)] = 20
    max_norm: Annotated[float, Field(gt=0)] = 1.0
    answer_tokens: Annotated[int, Field(ge=1)] = 24
    precision: Precision = "auto"
    seed: int = 0

    @property
    def identity(self) -> dict[str, str]:
        """What a training that goes on must have in common with the one that began, in words."""
        free = {"minutes", "patience", "checkpoint_steps"}
        return {name: str(value) for name, value in asdict(self).items() if name not in free}
