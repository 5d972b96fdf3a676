"""What the first token of the closed-book answer gives away.

A name can begin in several ways: "William Shakespeare", "Shakespeare". Each way takes probability
from the others, so that a model which is sure of the person looks unsure of the first token
(*surface form competition*, Holtzman et al. 2021, arXiv 2104.08315). The *mass* adds up the
probabilities of all first tokens that begin a name or number of the answer:

    mass = sum over distinct t in {first token of w : w a word of the answer}  p(t | q)

It is read off the closed-book pass and costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from rag_router.models.base import CausalModel
from rag_router.models.distributions import entropy
from rag_router.signals.base import Board, Reading, Requirements
from rag_router.signals.closed_book import ClosedBookPass
from rag_router.signals.closed_book_answer import ClosedBookAnswer

__all__ = ["FirstToken", "FirstTokenFigures", "first_token_figures"]


@dataclass(frozen=True, slots=True)
class FirstTokenFigures:
    """Figures of the next-token distribution after the question alone.

    Attributes:
        entropy_nats: Its Shannon entropy, in [0, ln vocabulary].
        mass: Probability of all ways to begin the answer's names and numbers, in [0, 1].
    """

    entropy_nats: float
    mass: float


@dataclass(frozen=True, slots=True)
class FirstToken:
    """The figures, for the answer that the model would give.

    Args:
        max_new_tokens: Longest answer.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    max_new_tokens: int = 24

    @property
    def name(self) -> str:
        return "first_token"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[FirstTokenFigures]]:
        passes = board.read(ClosedBookPass(), rows)
        answers = board.read(ClosedBookAnswer(self.max_new_tokens), rows)
        logits = torch.stack([one.stream.logits for one in passes])
        figures = first_token_figures(board.model, logits, [answer.text for answer in answers])
        return [Reading(figure) for figure in figures]


def first_token_figures(
    model: CausalModel, logits: Tensor, answers: Sequence[str]
) -> list[FirstTokenFigures]:
    """Compute the figures of several questions at once.

    Args:
        model: Whose logits they are.
        logits: Of the first token, shape (questions, vocabulary).
        answers: What the model went on to say to each.
    """
    p = torch.softmax(logits, dim=-1)
    entropies = entropy(logits).tolist()
    figures = []
    for row, answer in enumerate(answers):
        beginnings = _beginnings(model, answer)
        mass = float(p[row, sorted(beginnings)].sum()) if beginnings else 0.0
        figures.append(FirstTokenFigures(entropies[row], min(mass, 1.0)))
    return figures


def _beginnings(model: CausalModel, answer: str) -> set[int]:
    """First tokens of the words that an answer could begin with, after a space or without."""
    words = answer.split()
    # Lower-case words ("of", "the") begin many other answers too; the first word always counts.
    names = [w for n, w in enumerate(words) if n == 0 or w[0].isupper() or w[0].isdigit()]
    tokens = (model.encode(lead + word, begin=False)[:1] for word in names for lead in (" ", ""))
    return {token for first in tokens for token in first}
