"""What both answers show, put together for whoever judges or learns what they are worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_router.models.streams import Generation
from rag_router.orchestrator.work import Batch, Work
from rag_router.outlook import Observation, Said
from rag_router.outlook.observation import DEPTHS
from rag_router.signals.hidden_states import layer_at

__all__ = ["observe", "wants_states"]


def wants_states(batch: Batch) -> bool:
    """Whether hidden states of prompts with passages will be looked at, and can be."""
    wanted = batch.parts.outlook.fitted or batch.request.ask.observed is not None
    return wanted and "hidden_states" in batch.parts.expert.model.abilities


def observe(work: Sequence[Work], batch: Batch) -> list[Observation]:
    """Put down what each question shows; answers from memory are decoded where nobody has yet."""
    # All together: one by one each would be a batch of its own.
    memory = batch.all_from_memory(work)
    return [_observed(one, said) for one, said in zip(work, memory, strict=True)]


def _observed(one: Work, memory: Generation) -> Observation:
    read = one.generation if one.read and one.generation is not None else None
    kept = one.evidence.kept if read is not None else ()
    return Observation(
        question=one.question.text,
        p_know=one.verdict.p_know,
        memory=_said(memory),
        support=one.evidence.support,
        divergence=one.divergence or 0.0,
        passages=None if read is None else _said(read),
        shown=tuple((j.hit.passage.title, j.hit.passage.text) for j in kept),
        states=_states(one),
    )


def _said(generation: Generation) -> Said:
    return Said(generation.text, tuple(token.logprob for token in generation.tokens))


def _states(one: Work) -> NDArray[np.float32]:
    context = one.streams.get("context")
    hidden = None if context is None else context.hidden
    if hidden is None:
        return np.zeros((0, 0), dtype=np.float32)
    layers = [layer_at(depth, len(hidden) - 1) for depth in DEPTHS]
    return np.asarray(hidden[layers].float().cpu().numpy())
