"""One pass over a batch of rows, with gradients: log-probabilities of the answers' tokens.

The prefix that all rows share is read once and its keys and values are lent to every row, with
gradients flowing back into that one reading: the same loss as reading every prompt whole, for a
fraction of the tokens. Only the columns that predict an answer pass the output layer, which at a
vocabulary of 262k tokens would otherwise take most of the memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from rag_router.models.adapter_rows import TrainingRow
from rag_router.models.caches import KeyValues
from rag_router.models.frames import lay_out

__all__ = ["UNASKED", "answer_scores"]

UNASKED: Final = -100
"""Stands in the targets where nothing is predicted."""


def answer_scores(
    network: Any, rows: Sequence[TrainingRow], *, pad: int = 0
) -> tuple[Tensor, Tensor]:
    """Return logits and targets of the rows' answers.

    Args:
        network: A causal language model of transformers.
        rows: With one prefix; if any shares it, all do.
        pad: Token that stands where nothing is to be read.

    Returns:
        Logits float32, shape (rows, longest answer, vocabulary), and targets int64, shape (rows,
        longest answer), `UNASKED` before the first token of a shorter answer.
    """
    config = network.config.get_text_config(decoder=True)
    held = rows[0].prompt[: _held(rows, config)]
    past = KeyValues.empty_like(config)
    frame = lay_out([row.ids for row in rows], held=len(held), pad=pad)
    device = network.device
    if held:
        read = network.base_model(
            input_ids=torch.tensor([held], device=device), past_key_values=past, use_cache=True
        )
        whole = torch.ones((1, len(held)), dtype=torch.bool, device=device)
        prefix = KeyValues.of(read.past_key_values, whole)
        past = prefix.spread(frame.kept).to_cache(config)
    asked = max(len(row.answer) for row in rows)
    out = network(
        input_ids=frame.ids.to(device),
        attention_mask=frame.mask.to(device).long(),
        position_ids=frame.positions.to(device),
        past_key_values=past,
        use_cache=True,
        logits_to_keep=asked,
    )
    targets = [[UNASKED] * (asked - len(row.answer)) + list(row.answer) for row in rows]
    return out.logits.float(), torch.tensor(targets, device=device)


def _held(rows: Sequence[TrainingRow], config: Any) -> int:
    """Return how many leading tokens are read once for all rows.

    A sliding window must not drop any of them, and the columns that predict an answer, all of
    which are read with their row, must not be among them.
    """
    whole = KeyValues.most_whole_columns(config)
    least = min(len(row.ids) for row in rows) - max(len(row.answer) for row in rows)
    shared = min(row.shared for row in rows)
    return max(0, min(shared, least, shared if whole is None else whole))
