"""A fusion as the decoding loop knows it: a strategy that reads the streams of every expert.

Every expert has the streams that the decoder asks for; the decoder makes scores of them, expert
by expert, and the fusion makes one distribution of these. So an answer can be weighed between
memory and passages and among experts at once.

The leading expert's streams keep their names, and are the ones whose entropies, divergence and
likeliest tokens a trace shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from rag_router.errors import ModelError, SettingsError
from rag_router.experts.fusion.base import TokenFusion, Voices
from rag_router.experts.fusion.ensemble import Ensemble
from rag_router.models.strategies import InformedStrategy, layers_of
from rag_router.models.streams import (
    Facts,
    Role,
    Started,
    StepInput,
    StepOutput,
    Strategy,
    Task,
)
from rag_router.models.transfers import sent

__all__ = ["FusedStrategy", "fused_task"]

Streams = Mapping[Role, Started]


@dataclass(frozen=True, slots=True)
class FusedStrategy:
    """Let a decoder speak for each expert, and fuse what they say.

    Attributes:
        experts: Their names, the leading one first.
        fusion: What makes one distribution of theirs.
        decoder: What makes scores of one expert's streams.
    """

    experts: tuple[str, ...]
    fusion: TokenFusion
    decoder: Strategy

    @property
    def streams(self) -> tuple[Role, ...]:
        return tuple(
            _role(role, expert) for expert in range(len(self.experts)) for role in _read(self)
        )

    @property
    def reads(self) -> tuple[str, ...]:
        inner = self.decoder.reads if isinstance(self.decoder, InformedStrategy) else ()
        return ("weights", *inner)

    def step(self, step: StepInput) -> StepOutput:
        rows = len(step.facts)
        before = [(None,) * len(self.experts) if one is None else one for one in step.state]
        logits: dict[str, Tensor] = {}
        alphas: list[Tensor] = []
        states: list[Sequence[Any]] = []
        for number, name in enumerate(self.experts):
            own = {role: step.logits[_role(role, number)] for role in _read(self)}
            state = [one[number] for one in before]
            said = self.decoder.step(StepInput(own, step.facts, state))
            logits[name] = said.scores
            alphas += [] if said.alpha is None else [said.alpha]
            states.append(state if said.state is None else said.state)
        weights = _weights(step.facts, like=logits[self.experts[0]])
        fused = self.fusion.fuse(Voices(logits, weights))
        alpha = None
        if len(alphas) == len(self.experts):
            alpha = (torch.stack(alphas, dim=1) * weights).sum(dim=1)
        return StepOutput(
            scores=fused.scores,
            alpha=alpha,
            state=[tuple(state[row] for state in states) for row in range(rows)],
            experts=fused.weights,
        )


def fused_task(
    ensemble: Ensemble,
    task: Task,
    others: Mapping[str, Streams],
    *,
    fusion: TokenFusion,
    weights: Sequence[float],
    strategy: FusedStrategy | None = None,
) -> Task:
    """Return a task of the leading expert as one of all experts.

    Args:
        ensemble: The experts' models.
        task: As it would be decoded by the leading expert alone.
        others: The same streams as those that the task's strategy reads, of every other expert by
            its name, each started by its own model.
        fusion: What makes one distribution of theirs.
        weights: How much the word of each expert counts, >= 0 and summing to 1, in the order of
            the ensemble.
        strategy: What an earlier call made of the same decoder and fusion, so that both tasks are
            scored together; None makes a new one.

    Raises:
        ModelError: an expert lacks a stream.
        SettingsError: the decoder reads layers, which several models do not have in common.
    """
    if layers_of(task.strategy):
        raise SettingsError(
            f"{type(task.strategy).__name__} reads the layers of a model, and "
            f"{ensemble.name} are several.",
            hint="Choose a decoder that reads no layers, such as 'plain'.",
        )
    lead, *rest = ensemble.names
    streams = {role: ensemble.own(lead, started) for role, started in task.streams.items()}
    for number, name in enumerate(rest, start=1):
        for role in task.strategy.streams:
            if role not in others.get(name, {}):
                raise ModelError(
                    f"the expert {name!r} has not read the stream {role!r}.",
                    hint="Every expert reads what the leading one reads.",
                )
            streams[_role(role, number)] = ensemble.own(name, others[name][role])
    return replace(
        task,
        streams=streams,
        strategy=strategy or FusedStrategy(ensemble.names, fusion, task.strategy),
        facts=replace(task.facts, weights=tuple(weights)),
    )


def _read(strategy: FusedStrategy) -> tuple[Role, ...]:
    return strategy.decoder.streams


def _role(role: Role, expert: int) -> Role:
    """What an expert's stream is called among those of all; the leading one's keeps its name."""
    # Names beyond the three are no business of the loop, which only tells streams apart by them.
    return cast(Role, f"{role}@{expert}") if expert else role


def _weights(facts: Sequence[Facts], *, like: Tensor) -> Tensor:
    """Weights of all rows, shape (rows, experts), sent at once."""
    flat = sent([weight for one in facts for weight in one.weights], like=like)
    return flat.reshape(len(facts), -1)
