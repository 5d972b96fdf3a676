"""What the model makes of its own answer: hidden states after the answer's last token.

Azaria and Mitchell 2023, "The internal state of an LLM knows when it's lying" (arXiv 2304.13734):
once a statement has been made, the states that have read it tell whether it is true. Question and
answer are read once more, since decoding keeps no states: one forward pass, no decode step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError
from rag_router.models.base import CausalModel
from rag_router.signals.base import Board, Cost, Reading, Requirements
from rag_router.signals.closed_book import ClosedBookPass
from rag_router.signals.closed_book_answer import ClosedBookAnswer

__all__ = ["AnswerStates", "answer_tokens"]


@dataclass(frozen=True, slots=True)
class AnswerStates:
    """The states, for the answer that the model gives by itself.

    Args:
        max_new_tokens: Longest answer.
    """

    max_new_tokens: int = 24

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"hidden_states"}))

    @property
    def name(self) -> str:
        return "answer_states"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[NDArray[np.float32]]]:
        """Return for each row float32 of shape (layers + 1, width); entry 0 is the embedding.

        An empty answer leaves the states after the question.

        Raises:
            DataError: hidden states are not finite; says of which questions.
        """
        model = board.model
        prompts = [one.prompt for one in board.read(ClosedBookPass(), rows)]
        answers = board.read(ClosedBookAnswer(self.max_new_tokens), rows)
        said = [answer_tokens(model, answer.text) for answer in answers]
        ids = [
            [*prompt.ids, *tokens][: model.context_tokens]
            for prompt, tokens in zip(prompts, said, strict=True)
        ]
        read = model.prefill(ids, hidden=True, shared=[prompt.shared for prompt in prompts])
        states = read.hidden.float().cpu().numpy()
        broken = [
            board.questions[row].id
            for row, state in zip(rows, states, strict=True)
            if not np.isfinite(state).all()
        ]
        if broken:
            shown = ", ".join(map(repr, broken[:5])) + (", …" if len(broken) > 5 else "")
            raise DataError(
                f"{model.name} computes hidden states that are not finite for {shown}.",
                hint="Load the model in float32: [generator] dtype = 'float32'.",
            )
        return [
            Reading(state, Cost(prefill_tokens=len(line), forward_rows=1))
            for state, line in zip(states, ids, strict=True)
        ]


def answer_tokens(model: CausalModel, answer: str) -> list[int]:
    """The answer as it stands behind the prompt: a chat template ends where the answer begins."""
    if not answer:
        return []
    return list(model.encode(answer if model.is_chat else f" {answer}", begin=False))
