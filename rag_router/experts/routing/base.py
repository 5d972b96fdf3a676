"""What a router among generator experts is: questions and cards in, a ranking of each question out.

The contract, for all kinds:

- A ranking holds every candidate exactly once, best first. Who is asked is the first; the others
  are who is asked if that one cannot answer.
- Candidates are what the cards name and nobody else: whom a tenant may not use is removed before a
  router hears of it.
- A question's ranking depends on that question, on the cards and on what was learned: neither other
  questions nor their order change it.
- `score` is what the ranking is made by, higher is better: where it is a probability, the one that
  the expert alone answers rightly, less what it costs. Scores of two routers cannot be compared.
- A router reads the embedding that gate and retrievers read, and experts' own probabilities; it
  embeds nothing itself. What it reads is named in `needs`, and nothing else may be read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import SettingsError
from rag_router.experts.card import Card

__all__ = ["Calibrated", "Choice", "ExpertRouter", "Knowing", "Need", "RoutingContext"]

Need = Literal["embeddings", "p_know"]
"""What a router may read of questions beside their text."""

Knowing = Callable[[str, Sequence[int]], Sequence[float]]
"""Given an expert's name and rows, how likely that expert answers each of them rightly alone.

Probabilities are in [0, 1], one a row, NaN where it cannot tell; they are worked out when they are
asked for.
"""

Calibrated = Callable[[str], bool]
"""Given an expert's name, whether what it said of itself is calibrated; not before it has said so.

What is not says little of the expert, and nothing beside what others say.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One candidate for a question.

    Attributes:
        name: Of the expert.
        score: What it is ranked by; higher is better, and only comparable within one ranking.
        why: The same in words, for the trace.
    """

    name: str
    score: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoutingContext:
    """What is known of a batch of questions.

    Attributes:
        embeddings: Of the questions, of unit length, shape (questions, dimension); None where
            nobody embedded them.
        p_know: How likely an expert answers rightly; None where nobody can tell.
        calibrated: Whether that can be held against what others say.
        seed: Of whatever is drawn at random.
    """

    embeddings: NDArray[Any] | None = None
    p_know: Knowing | None = None
    calibrated: Calibrated = lambda _: True
    seed: int = 0

    def vectors(self, router: str) -> NDArray[np.float64]:
        """Return the embeddings, shape (questions, dimension).

        Args:
            router: Who wants them, for the error.

        Raises:
            SettingsError: nobody embedded the questions.
        """
        if self.embeddings is None:
            raise SettingsError(
                f"the router {router!r} reads embeddings of questions, and there are none.",
                hint="Set an embedder, or route by best_single.",
            )
        return np.asarray(self.embeddings, dtype=np.float64)

    def knowing(self, router: str) -> Knowing:
        """Return how experts are asked what they know.

        Args:
            router: Who wants to know, for the error.

        Raises:
            SettingsError: nobody can tell.
        """
        if self.p_know is None:
            raise SettingsError(
                f"the router {router!r} asks experts what they know, and nobody can tell.",
                hint="Set a gate that gives a probability, or route by neighbours.",
            )
        return self.p_know


@runtime_checkable
class ExpertRouter(Protocol):
    """Ranks the experts that may answer a question; see the contract above."""

    @property
    def needs(self) -> frozenset[Need]: ...

    def rank(
        self, questions: Sequence[str], cards: Sequence[Card], context: RoutingContext
    ) -> list[tuple[Choice, ...]]:
        """Return for each question all candidates, best first.

        Args:
            questions: What is asked.
            cards: Of the candidates, one or more.
            context: What is known of the questions, row by row.

        Raises:
            SettingsError: something it needs is missing, or it has learned nothing of a candidate.
        """
