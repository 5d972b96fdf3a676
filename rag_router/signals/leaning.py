"""Which of two replies a model leans to, before it has said a word.

The model's text is not parsed. The probabilities of all tokens that can begin a reply are added
up on either side,

    p = P(yes) / (P(yes) + P(no)),    P(yes) = sum over t in first tokens of yes  p(t | prompt),

since a word begins with a space or without, with a capital letter or without. A token that can
begin both sides, such as a lone bracket or a lone space, speaks for neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rag_router.errors import ModelError
from rag_router.models.base import CausalModel
from rag_router.models.prompts import Inquiry, inquiry_prompt
from rag_router.signals.base import Board, Cost, Reading

__all__ = ["Leaning", "beginnings", "lean", "leanings"]


@dataclass(frozen=True, slots=True)
class Leaning:
    """What a model would reply.

    Attributes:
        yes: Probability of yes where the reply is yes or no, in [0, 1].
        heard: Probability that the reply is one of the two at all, in [0, 1]; where it is low,
            the model does not understand what it is asked.
    """

    yes: float
    heard: float


def lean(
    board: Board, inquiries: Sequence[Inquiry], cases: Sequence[Sequence[str]]
) -> list[Reading[Leaning]]:
    """Ask the board's model about several cases; each costs one prompt.

    Args:
        board: Whose model and prompt style are used.
        inquiries: What is asked about each case.
        cases: Lines that describe each.

    Raises:
        QuestionError: a case is longer than the model can read.
        ModelError: its tokeniser cannot tell the replies apart by their beginnings.
    """
    model = board.model
    prompts = [
        inquiry_prompt(model, board.style, inquiry, case)
        for inquiry, case in zip(inquiries, cases, strict=True)
    ]
    if not prompts:
        return []
    read = model.prefill(
        [prompt.ids for prompt in prompts], shared=[prompt.shared for prompt in prompts]
    )
    sides = {inquiry: beginnings(model, inquiry) for inquiry in dict.fromkeys(inquiries)}
    found = leanings(read.logits, [sides[inquiry] for inquiry in inquiries])
    return [
        Reading(leaning, Cost(prefill_tokens=len(prompt.ids), forward_rows=1))
        for leaning, prompt in zip(found, prompts, strict=True)
    ]


def leanings(logits: Tensor, sides: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[Leaning]:
    """Read leanings off next-token logits.

    Args:
        logits: Shape (rows, vocabulary).
        sides: For each row the tokens that begin a yes and those that begin a no.
    """
    scores = torch.log_softmax(logits.double(), dim=-1)
    found = []
    for row, (yes, no) in zip(scores, sides, strict=True):
        # Logarithms to the end: both sides may be too unlikely for any probability to show.
        both = torch.stack([row[list(yes)].logsumexp(dim=0), row[list(no)].logsumexp(dim=0)])
        share, heard = torch.sigmoid(both[0] - both[1]), both.logsumexp(dim=0).exp()
        found.append(Leaning(float(share), min(float(heard), 1.0)))
    return found


def beginnings(model: CausalModel, inquiry: Inquiry) -> tuple[list[int], list[int]]:
    """Return the tokens that begin a yes, and those that begin a no.

    Raises:
        ModelError: they are the same.
    """
    yes, no = (
        {
            token
            for word in words
            for lead in (" ", "")
            for token in model.encode(lead + word, begin=False)[:1]
        }
        for words in (inquiry.yes, inquiry.no)
    )
    if not yes - no or not no - yes:
        raise ModelError(
            f"{model.name} begins {inquiry.yes[0]!r} and {inquiry.no[0]!r} with the same tokens.",
            hint="Use a gate that asks the model nothing about itself, such as profile.",
        )
    return sorted(yes - no), sorted(no - yes)
