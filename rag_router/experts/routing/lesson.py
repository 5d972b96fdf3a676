"""What routers among experts learn from: who answered which question rightly, and at what cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError

__all__ = ["FEWEST", "OutcomeLesson"]

FEWEST: Final = 20
"""Fewest questions that anything is learned from."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutcomeLesson:
    """Questions that every expert has answered.

    Attributes:
        experts: Who answered: names of the columns.
        vectors: Embeddings of the questions, of unit length, shape (n, dimension).
        right: How right each expert was, in [0, 1], shape (n, experts).
        cost: What its answer cost, >= 0, in one unit of any kind, shape (n, experts).
        fields: The subject or domain of each question, n of them; empty where nobody says so.
        p_know: How likely each expert held it that it knows, in [0, 1], shape (n, experts); None
            where nobody asked. It must come from gates that did not learn from these questions.
        seed: Of everything that is drawn at random.
    """

    experts: tuple[str, ...]
    vectors: NDArray[np.float32]
    right: NDArray[np.float64]
    cost: NDArray[np.float64]
    fields: tuple[str, ...] = ()
    p_know: NDArray[np.float64] | None = None
    seed: int = 0

    def __len__(self) -> int:
        return len(self.right)

    def rows(self, chosen: NDArray[Any]) -> OutcomeLesson:
        """Return the same of some questions, given by number or as a mask."""
        numbers = np.arange(len(self))[chosen]
        return replace(
            self,
            vectors=self.vectors[numbers],
            right=self.right[numbers],
            cost=self.cost[numbers],
            fields=tuple(self.fields[n] for n in numbers) if self.fields else (),
            p_know=None if self.p_know is None else self.p_know[numbers],
        )

    def some(self, most: int) -> OutcomeLesson:
        """Return at most so many questions, drawn by the seed and in their order."""
        if len(self) <= most:
            return self
        return self.rows(np.sort(np.random.default_rng(self.seed).permutation(len(self))[:most]))

    def best(self) -> int:
        """Return the column of the expert that was right most often; of equals, the cheapest."""
        accuracy, cost = self.right.mean(axis=0), self.cost.mean(axis=0)
        return min(range(len(self.experts)), key=lambda e: (-accuracy[e], cost[e]))

    def require_enough(self) -> None:
        """Check that there is something to learn from.

        Raises:
            DataError: there are too few experts or questions, or numbers that are none.
        """
        if len(self.experts) < 2:
            raise DataError(
                f"a router chooses among two experts or more; saw "
                f"{', '.join(self.experts) or 'none'}.",
                hint="Name them: --model gemma-3-270m --model smollm2-135m-instruct.",
            )
        if len(self) < FEWEST:
            raise DataError(
                f"{len(self)} questions are too few to learn from.",
                hint=f"Give at least {FEWEST}; a thousand are better.",
            )
        for name, array in (("an embedding", self.vectors), ("an outcome", self.right)):
            if not np.isfinite(array).all():
                raise DataError(f"{name} of a question is not finite.")

    def require_fields(self, router: str) -> tuple[str, ...]:
        """Return the subject of each question.

        Raises:
            DataError: nobody says which it is, or it is the same for all.
        """
        if len(set(self.fields)) < 2:
            raise DataError(
                f"the router {router!r} learns subjects, and saw {len(set(self.fields))} of them.",
                hint="Give questions whose meta holds a subject, or several sets of questions: "
                "each is a subject.",
            )
        return self.fields

    def require_p_know(self, router: str) -> NDArray[np.float64]:
        """Return how likely each expert held it that it knows, shape (n, experts).

        Raises:
            DataError: nobody asked them.
        """
        if self.p_know is None:
            raise DataError(
                f"the router {router!r} learns from what experts say they know, and nobody asked.",
                hint="Give questions to models whose gate gives a probability.",
            )
        return self.p_know
