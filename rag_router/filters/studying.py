"""Filters that learn from many figures of a passage, and not from one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact, Card
from rag_router.filters.base import FilterContext, FittedFilter
from rag_router.types import Judged

__all__ = ["StudyingFilter"]


@runtime_checkable
class StudyingFilter(FittedFilter, Protocol):
    """Reads a row of figures off each passage, and learns what they say together."""

    def prepared(self, judged: Sequence[Sequence[Judged]]) -> Self:
        """Return this filter with what it counts in passages before it reads figures off them."""

    def columns(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[NDArray[np.float64]]:
        """Read figures off the passages of each question, shape (passages, figures)."""

    def figures_of(self, columns: NDArray[np.float64]) -> list[float]:
        """Return what it makes of such rows, one figure a passage as `raw` returns it."""

    def support(self, figure: float) -> float:
        """P(a passage of this figure helps), in [0, 1]."""

    def to_artefact(self, card: Card) -> Artefact:
        """Put what was learned beside its card."""

    def study(
        self,
        columns: NDArray[np.float64],
        helpful: NDArray[np.bool_],
        owner: NDArray[np.int64],
        *,
        seed: int = 0,
    ) -> Self:
        """Return this filter as it has learned.

        Args:
            columns: Figures of all passages, shape (passages, figures).
            helpful: Whether each holds the answer.
            owner: Number of the question that each belongs to; a question's passages are never
                on both sides of a cross-validation.
            seed: Of the folds, and of whatever else is drawn.

        Raises:
            DataError: only one class is there.
        """
