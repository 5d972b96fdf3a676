"""What filters share that read one figure off each sentence of a passage.

A passage is as helpful as its most helpful sentence: its figure is the highest of its sentences',
and a logistic curve over that is its support. Sentences whose own figure is below a threshold go,
the others stay in the order of the document; a passage of which nothing stays is dropped, as in
Provence (Chirkova et al. 2025, arXiv 2501.16214), whose pruning may return nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.filters.base import FilterContext
from rag_router.filters.scored import ScoredFilter
from rag_router.filters.sentences import cut_to, sentences_of
from rag_router.types import Judged

__all__ = ["SentenceFilter", "highest"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SentenceFilter(ScoredFilter):
    """A figure for each sentence; subclasses say which, and from which on a sentence stays.

    Args:
        min_support: Drop passages below this probability, in [0, 1]. None takes the fitted one, or
            0.1; without a curve it drops nothing.
        curve: Slope and intercept from a passage's figure to log-odds; empty until fitted.
    """

    @property
    def least_figure(self) -> float:
        """Figure from which on a sentence stays; minus infinity cuts nothing."""
        raise NotImplementedError

    def figures(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[list[float]]]:
        """Read a figure off each sentence of each kept passage, the higher the more helpful.

        Sentences are those of `sentences_of`; there are none of a passage that is not kept.
        """
        raise NotImplementedError

    def raw(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[float]]:
        """The highest figure of each passage's sentences."""
        found = self.figures(questions, judged, context)
        return [[highest(figures) for figures in line] for line in found]

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        found = self.figures(questions, judged, context)
        return [
            [self._judge_one(one, figures, context) for one, figures in zip(*both, strict=True)]
            for both in zip(judged, found, strict=True)
        ]

    def _judge_one(self, one: Judged, figures: Sequence[float], context: FilterContext) -> Judged:
        settled = self.settled(one, highest(figures))
        # Of what nothing is said nothing is cut.
        if not settled.kept or settled.support is None:
            return settled
        chosen = [n for n, f in enumerate(figures) if math.isnan(f) or f >= self.least_figure]
        many, few = len(sentences_of(one)), len(chosen)
        if few == many:
            return settled
        why = f"{settled.why}; {few} of {many} sentences reach {self.least_figure:.2f}"
        return cut_to(settled, chosen, why, count_tokens=context.count_tokens)


def highest(figures: Sequence[float]) -> float:
    """Return the highest of some figures; NaN where none says anything."""
    return max((f for f in figures if not math.isnan(f)), default=math.nan)
