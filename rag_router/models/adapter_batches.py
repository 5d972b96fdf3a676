"""Which rows are learned from together, in which order: a function of the seed and the epoch.

A step's rows share one prefix, so that instruction and worked examples are read once a step, and
are of like length, so that little is padded. Nothing about the order has to be remembered: the
same seed and epoch give the same batches, which is how a training goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from rag_router.models.adapter_rows import TrainingRow

__all__ = ["batches_of_epoch", "batches_to_judge"]

_POOL: Final = 8
"""Batches' worth of shuffled rows that are sorted by length before they are cut."""


def batches_of_epoch(
    rows: Sequence[TrainingRow], size: int, *, seed: int, epoch: int
) -> list[list[int]]:
    """Return the numbers of the rows of each batch; every row stands in exactly one.

    Args:
        rows: What is learned from.
        size: Most rows in a batch, >= 1.
        seed: Of the order.
        epoch: Which pass over the rows, from 0; each has an order of its own.
    """
    random = np.random.default_rng((seed, epoch))
    batches: list[list[int]] = []
    for group in _by_prefix(rows):
        shuffled = random.permutation(np.array(group, dtype=np.int64)).tolist()
        for at in range(0, len(shuffled), _POOL * size):
            pool = sorted(shuffled[at : at + _POOL * size], key=lambda n: len(rows[n].ids))
            batches += [pool[cut : cut + size] for cut in range(0, len(pool), size)]
    return [batches[at] for at in random.permutation(len(batches)).tolist()]


def batches_to_judge(rows: Sequence[TrainingRow], size: int) -> list[list[int]]:
    """Return batches of all rows, in no random order."""
    return [
        ordered[at : at + size]
        for group in _by_prefix(rows)
        for ordered in [sorted(group, key=lambda n: len(rows[n].ids))]
        for at in range(0, len(ordered), size)
    ]


def _by_prefix(rows: Sequence[TrainingRow]) -> list[list[int]]:
    groups: dict[tuple[int, ...], list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(row.prompt[: row.shared], []).append(number)
    return list(groups.values())
