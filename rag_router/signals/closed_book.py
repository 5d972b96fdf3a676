"""The closed-book pass: the question alone, read once, by the model that may answer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from rag_router.models.prompts import Prompt, closed_book_prompt
from rag_router.models.streams import Started, start
from rag_router.signals.base import Board, Cost, Reading

__all__ = ["ClosedBook", "ClosedBookPass"]


@dataclass(frozen=True, slots=True)
class ClosedBook:
    """What one pass over the question alone yields.

    Attributes:
        prompt: The prompt that was read.
        stream: Next-token logits and cache; decoding and contrast go on from here.
        hidden: Last token's hidden states, float32 (layers + 1, width).
    """

    prompt: Prompt
    stream: Started
    hidden: Tensor


@dataclass(frozen=True, slots=True)
class ClosedBookPass:
    """The pass itself. It is made for every question, so it costs nothing extra."""

    @property
    def name(self) -> str:
        return "closed_book_pass"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[ClosedBook]]:
        prompts = [
            closed_book_prompt(board.model, board.style, board.questions[row].text) for row in rows
        ]
        prefill = board.model.prefill([prompt.ids for prompt in prompts], hidden=True)
        return [
            Reading(ClosedBook(prompt, stream, hidden), Cost(forward_rows=1))
            for prompt, stream, hidden in zip(prompts, start(prefill), prefill.hidden, strict=True)
        ]
