"""Decoding answers of several experts together, one forward pass of each a step.

It is the decoding loop of `models/streams.py`, over an ensemble: answers are greedy or drawn with
a seed, end by the same rules, leave the batch when they have ended, are cut short at the deadline
and told as they are decoded. Every expert starts from its own reading of the prompt, of the
question alone or with passages, and is fed the token that was chosen together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag_router.experts.fusion.base import TokenFusion
from rag_router.experts.fusion.ensemble import Ensemble
from rag_router.experts.fusion.strategy import FusedStrategy, fused_task
from rag_router.models.streams import Generation, Heard, Role, Started, Strategy, Task, decode
from rag_router.models.tasks import Asked

__all__ = ["Shared", "decode_together"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """One answer that several experts are to give together.

    Attributes:
        task: As the leading expert would give it alone.
        others: What every other expert has read, by its name: the streams that the task's
            strategy reads.
        weights: How much the word of each expert counts, >= 0 and summing to 1, in the order of
            the ensemble.
    """

    task: Task
    others: Mapping[str, Mapping[Role, Started]]
    weights: tuple[float, ...]


def decode_together(
    ensemble: Ensemble,
    answers: Sequence[Shared],
    *,
    fusion: TokenFusion,
    heard: Heard | None = None,
    cancelled: Asked | None = None,
    deadline: Asked | None = None,
) -> list[Generation]:
    """Decode answers of several experts, all of them in one loop, each as if it were alone.

    Args:
        ensemble: The experts' models.
        answers: What to decode.
        fusion: What makes one next-token distribution of several.
        heard: Hears of every piece as soon as it is certain.
        cancelled: Asked before every step; true stops everything, and nothing is returned.
        deadline: Asked before every step; true ends all answers with what they have said so far.

    Raises:
        ModelError: an expert lacks a stream, gives no distribution, or does not fit into memory.
        SettingsError: the decoder reads layers, which several models do not have in common.
        CancelledError: `cancelled` said so.
    """
    # Answers of one decoder are scored together, if they have one strategy.
    strategies: dict[int, tuple[Strategy, FusedStrategy]] = {}
    tasks: list[Task] = []
    for one in answers:
        decoder = one.task.strategy
        if id(decoder) not in strategies:
            made = FusedStrategy(ensemble.names, fusion, decoder)
            strategies[id(decoder)] = (decoder, made)
        tasks.append(
            fused_task(
                ensemble,
                one.task,
                one.others,
                fusion=fusion,
                weights=one.weights,
                strategy=strategies[id(decoder)][1],
            )
        )
    return decode(ensemble, tasks, heard=heard, cancelled=cancelled, deadline=deadline)
