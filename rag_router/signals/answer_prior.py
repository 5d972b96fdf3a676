"""How likely the closed-book answer would be if nothing had been asked.

Holtzman et al. 2021, "Surface form competition: why the highest probability answer isn't always
right" (arXiv 2104.08315): a string is likely after a question because it answers it, or because it
is likely anyway. Their *domain premise* is here the model's own prompt with the question left out,
so that the prior is that of an answer in this format:

    log p(o_i | prompt without question, o_<i)

The prompt is read once for a batch; the answer's tokens are fed, none is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from rag_router.models.base import CausalModel, StepCache
from rag_router.models.prompts import closed_book_prompt
from rag_router.signals.answer_states import answer_tokens
from rag_router.signals.base import Board, Cost, Reading, Requirements
from rag_router.signals.closed_book_answer import ClosedBookAnswer

__all__ = ["AnswerPrior"]


@dataclass(frozen=True, slots=True)
class AnswerPrior:
    """Log-probability of each token of the answer without its question, in nats.

    Costs a forward row for each token of the answer but the last.

    Args:
        max_new_tokens: Longest answer.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    max_new_tokens: int = 24

    @property
    def name(self) -> str:
        return "answer_prior"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[tuple[float, ...]]]:
        """Return for each row a log-probability for each token; none for an empty answer."""
        model = board.model
        answers = board.read(ClosedBookAnswer(self.max_new_tokens), rows)
        said = [answer_tokens(model, answer.text) for answer in answers]
        nothing = closed_book_prompt(model, board.style, "")
        room = model.context_tokens - len(nothing.ids)
        logprobs = _read_after(model, nothing.ids, [tokens[:room] for tokens in said])
        return [
            Reading(found, Cost(decode_steps=max(len(found) - 1, 0), forward_rows=len(found)))
            for found in logprobs
        ]


def _read_after(
    model: CausalModel, prompt: Sequence[int], said: Sequence[Sequence[int]]
) -> list[tuple[float, ...]]:
    """Log-probability of each token of several continuations of one prompt."""
    found: list[list[float]] = [[] for _ in said]
    active = [row for row, tokens in enumerate(said) if tokens]
    if not active:
        return [() for _ in said]
    read = model.prefill([prompt])
    logits = read.logits.expand(len(active), -1)
    cache: StepCache = model.join([read.cache] * len(active))
    place = 0
    while True:
        chosen = torch.tensor([said[row][place] for row in active], device=logits.device)
        log_p = torch.log_softmax(logits.float(), dim=-1).gather(1, chosen[:, None])[:, 0]
        for row, value in zip(active, log_p.tolist(), strict=True):
            found[row].append(value)
        going = [n for n, row in enumerate(active) if len(said[row]) > place + 1]
        if not going:
            return [tuple(one) for one in found]
        if len(going) < len(active):
            cache = cache.select(going)
            active = [active[n] for n in going]
        logits, cache = model.step(cache, [said[row][place] for row in active])
        place += 1
