"""The closed-book pass: the question alone, read once, by the model that may answer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from rag_router.models.base import Prefill
from rag_router.models.prompts import Prompt, closed_book_prompt
from rag_router.models.streams import Started, start
from rag_router.signals.base import Board, Cost, Reading, Requirements

__all__ = ["ClosedBook", "ClosedBookPass", "closed_books"]


@dataclass(frozen=True, slots=True)
class ClosedBook:
    """What one pass over the question alone yields.

    Attributes:
        prompt: The prompt that was read.
        stream: Next-token logits and cache; decoding and contrast go on from here.
        hidden: Last token's hidden states, float32 (layers + 1, width).
        experts: Which experts read the last token, bool (layers, experts); None where the model
            does not show its routers.
    """

    prompt: Prompt
    stream: Started
    hidden: Tensor
    experts: Tensor | None = None


@dataclass(frozen=True, slots=True)
class ClosedBookPass:
    """The pass itself. It is made for every question, so it costs nothing extra."""

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    @property
    def name(self) -> str:
        return "closed_book_pass"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[ClosedBook]]:
        prompts = [
            closed_book_prompt(board.model, board.style, board.questions[row].text) for row in rows
        ]
        prefill = board.model.prefill(
            [prompt.ids for prompt in prompts],
            hidden=True,
            shared=[prompt.shared for prompt in prompts],
        )
        return closed_books(prompts, prefill)


def closed_books(prompts: Sequence[Prompt], prefill: Prefill) -> list[Reading[ClosedBook]]:
    """Return what a pass over questions alone says of each.

    Args:
        prompts: The questions, as they were read.
        prefill: The pass, with hidden states.
    """
    experts = [None] * len(prompts) if prefill.experts is None else list(prefill.experts)
    read = zip(prompts, start(prefill), prefill.hidden, experts, strict=True)
    return [Reading(ClosedBook(*one), Cost(forward_rows=1)) for one in read]
