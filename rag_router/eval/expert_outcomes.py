"""The outcome matrix: which expert answered which question rightly, and at what cost.

Every expert answers every question once, and routers are then judged offline on what is kept
(RouterBench, Hu et al. 2024, arXiv 2403.12031). Outcomes come from experts that are asked here, or
are read from a question set that holds what others recorded (RouteLLM, Ong et al. 2024, arXiv
2406.18665, recorded GPT-4 and Mixtral on MMLU and GSM8K).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError
from rag_router.experts.card import Card
from rag_router.experts.routing.base import Knowing
from rag_router.experts.routing.lesson import OutcomeLesson
from rag_router.experts.routing.prices import price_of
from rag_router.types import Question

__all__ = ["OutcomeMatrix", "field_of", "recorded_names", "recorded_outcomes", "shown_text"]

_MARK: Final = "_correct"
"""How the key of a recorded outcome ends, behind the expert's name."""

_SUBJECTS: Final = ("subject", "domain", "task", "category")
"""Where sets say what a question is about, the finest first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutcomeMatrix:
    """Questions, and how every expert did on each.

    Attributes:
        questions: What was asked.
        fields: The subject of each.
        cards: Of the experts: the columns.
        right: How right each expert was, in [0, 1], shape (n, experts).
        cost: What its answer cost, >= 0, shape (n, experts).
        p_know: How likely each held it that it knows, in [0, 1], shape (n, experts), NaN where it
            cannot tell; None where nobody was asked.
    """

    questions: tuple[Question, ...]
    fields: tuple[str, ...]
    cards: tuple[Card, ...]
    right: NDArray[np.float64]
    cost: NDArray[np.float64]
    p_know: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def experts(self) -> tuple[str, ...]:
        return tuple(card.name for card in self.cards)

    def rows(self, chosen: NDArray[Any]) -> OutcomeMatrix:
        """Return the same of some questions, given by number or as a mask."""
        numbers = np.arange(len(self))[chosen]
        return replace(
            self,
            questions=tuple(self.questions[n] for n in numbers),
            fields=tuple(self.fields[n] for n in numbers),
            right=self.right[numbers],
            cost=self.cost[numbers],
            p_know=None if self.p_know is None else self.p_know[numbers],
        )

    def lesson(self, vectors: NDArray[np.float32], *, seed: int = 0) -> OutcomeLesson:
        """Return it as routers learn from it.

        Args:
            vectors: Embeddings of the questions, shape (n, dimension).
            seed: Of everything that is drawn.
        """
        return OutcomeLesson(
            experts=self.experts,
            vectors=vectors,
            right=self.right,
            cost=self.cost,
            fields=self.fields,
            p_know=self.p_know,
            seed=seed,
        )

    def knowing(self) -> Knowing | None:
        """Return what the experts say they know, as routers ask for it."""
        said = self.p_know
        if said is None:
            return None
        columns = {name: column for column, name in enumerate(self.experts)}
        return lambda name, rows: said[list(rows), columns[name]].tolist()


def recorded_outcomes(questions: Sequence[Question], cards: Sequence[Card]) -> OutcomeMatrix:
    """Read what others recorded; a question without an outcome of every expert is left out.

    The cost of an answer is its price by the expert's card, or by number of parameters where no
    card has a price.

    Args:
        questions: Whose `meta` holds `<name>_correct` for each expert.
        cards: Of the experts.

    Raises:
        DataError: no question holds outcomes of all of them.
    """
    keys = [f"{card.name}{_MARK}" for card in cards]
    kept = [q for q in questions if all(isinstance(q.meta.get(key), bool) for key in keys)]
    if not kept:
        raise DataError(
            f"none of {len(questions)} questions holds {', '.join(keys)} in its meta.",
            hint="Give a set with recorded outcomes; seen: "
            f"{', '.join(recorded_names(questions)) or 'none'}.",
        )
    prices = np.array([price_of(card) for card in cards], dtype=np.float64)
    if not prices.any():
        prices = np.array([card.parameters / 1e9 for card in cards])
    return OutcomeMatrix(
        questions=tuple(kept),
        fields=tuple(field_of(question, "all") for question in kept),
        cards=tuple(cards),
        right=np.array([[float(q.meta[key]) for key in keys] for q in kept]),
        cost=np.tile(prices, (len(kept), 1)),
    )


def recorded_names(questions: Sequence[Question]) -> tuple[str, ...]:
    """Name the experts of whom any outcome is recorded."""
    found = {key.removesuffix(_MARK) for q in questions for key in q.meta if key.endswith(_MARK)}
    return tuple(sorted(found))


def field_of(question: Question, default: str) -> str:
    """Return what a question is about, as its set says; else `default`, such as the set's name."""
    meta: Mapping[str, Any] = question.meta
    return next((str(meta[key]) for key in _SUBJECTS if meta.get(key)), default)


def shown_text(question: Question) -> str:
    """Return a question as whoever answers it reads it: with its choices, where it has any."""
    choices = question.meta.get("choices") or ()
    lines = (f"{letter}. {text}" for letter, text in zip(ascii_uppercase, choices, strict=False))
    return "\n".join((question.text, *lines))
