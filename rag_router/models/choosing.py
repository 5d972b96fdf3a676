"""Choosing the next token of every row, with all figures that are asked for.

Rows of the same strategy and streams are scored together. All that the host needs to know of all
of them leaves the device in one transfer.

Where a strategy leaves a row nothing to choose (every score is -inf, or one is no number), the
plainest stream that it reads is read as it is at that step. That is seen on the host and looked
at again, in one more transfer, so that it costs nothing where it does not happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, islice
from typing import Final

import torch
from torch import Tensor

from rag_router.models.layers import LayerStates
from rag_router.models.rows import Row, plainest
from rag_router.models.step_tables import Choice, Read, Scored
from rag_router.models.strategies import Role, StepInput
from rag_router.models.transfers import rows_at

__all__ = ["choose"]

_LARGE: Final = 2**16
"""Of so large a vocabulary a processor scores one row at a time: its caches hold no more."""


def choose(
    rows: Sequence[Row], logits: Tensor, layers: LayerStates | None, read: Read
) -> list[Choice]:
    """Choose the next token of each row; no row is changed.

    Args:
        rows: In the order of their streams.
        logits: Of all streams of all rows, shape (streams, vocabulary).
        layers: Of the streams that are listened to, in the same order.
        read: Turns tokens into text, for the alternatives.
    """
    groups = _scored(rows, logits, layers)
    chosen = _told(groups, read)
    lost = [
        _plainest(group, at)
        for group in groups
        if (at := [n for n, place in enumerate(group.places) if not chosen[place].scored])
    ]
    for place, choice in _told(lost, read).items():
        chosen[place] = replace(choice, scored=False, sound=choice.scored)
    return [chosen[place] for place in range(len(rows))]


def _scored(rows: Sequence[Row], logits: Tensor, layers: LayerStates | None) -> list[Scored]:
    """Let each strategy score its rows together."""
    stream_at = list(accumulate((len(row.roles) for row in rows), initial=0))
    layers_at = list(accumulate((len(row.listened) for row in rows), initial=0))
    apart = logits.device.type == "cpu" and logits.shape[-1] >= _LARGE
    together: dict[tuple[int, tuple[Role, ...], bool, int], list[int]] = {}
    for place, row in enumerate(rows):
        key = (id(row.strategy), row.roles, row.task.trace, place if apart else 0)
        together.setdefault(key, []).append(place)
    groups: list[Scored] = []
    for places in together.values():
        some = [rows[place] for place in places]
        streams = {
            role: rows_at(logits, [stream_at[place] + offset for place in places])
            for offset, role in enumerate(some[0].roles)
        }
        heard = {
            role: layers.select([layers_at[place] + offset for place in places])
            for offset, role in enumerate(some[0].listened)
            if layers is not None
        }
        facts, states = [row.task.facts for row in some], [row.state for row in some]
        step = some[0].strategy.step(StepInput(streams, facts, states, heard))
        if step.state is not None:
            states = list(step.state)
        groups.append(Scored(places, some, streams, step.scores, step.alpha, states, step.experts))
    return groups


def _plainest(group: Scored, at: Sequence[int]) -> Scored:
    """Read the plainest stream of some rows as it is; nothing is weighed, so there is no alpha."""
    streams = {role: logits[list(at)] for role, logits in group.streams.items()}
    return Scored(
        places=[group.places[row] for row in at],
        rows=[group.rows[row] for row in at],
        streams=streams,
        scores=streams[plainest(group.rows[0].strategy)],
        alpha=None,
        states=[group.states[row] for row in at],
    )


def _told(groups: Sequence[Scored], read: Read) -> dict[int, Choice]:
    """Bring what was chosen to the host, all of it at once."""
    if not groups:
        return {}
    tables = [group.table() for group in groups]
    numbers = iter(torch.cat([table.flatten() for table, _ in tables]).tolist())
    out: dict[int, Choice] = {}
    for group, (table, names) in zip(groups, tables, strict=True):
        lines = [list(islice(numbers, table.shape[1])) for _ in group.rows]
        out |= group.choices(lines, names, read)
    return out
