"""Drop what is not similar enough, where "enough" is a probability and not a raw cosine.

A cosine means nothing by itself: unrelated questions score 0.7 under some embedders and 0.1 under
others. A Platt curve (Platt 1999; Guo et al. 2017, arXiv 1706.04599, section 4.1) fitted for the
embedder turns the cosine into the probability that the passage holds the answer, its *support*,
and passages below `min_support` are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import Platt
from rag_router.component import STRICT
from rag_router.filters.base import FilterContext
from rag_router.types import Judged

__all__ = ["ThresholdFilter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ThresholdFilter:
    """Keep passages similar enough to the question to probably hold the answer.

    Args:
        min_support: Drop below this probability, in [0, 1]. None takes the fitted one, or 0.1.
        curve: Slope and intercept from cosine to log-odds; empty until fitted, and then the
            support is (1 + cosine) / 2, which ranks but means nothing.
    """

    min_support: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    curve: tuple[float, float] | tuple[()] = ()

    @property
    def fitted(self) -> bool:
        return bool(self.curve)

    def judge(
        self,
        questions: Sequence[str],
        judged: Sequence[Sequence[Judged]],
        context: FilterContext,
    ) -> list[list[Judged]]:
        del questions, context
        return [[self._judge_one(one) if one.kept else one for one in line] for line in judged]

    def support(self, similarity: float) -> float:
        """P(a passage of this cosine holds the answer), in [0, 1]."""
        if not self.curve:
            return (1 + similarity) / 2
        return float(Platt((self.curve[0],), self.curve[1])(similarity)[0])

    def fit(self, similarities: Sequence[float], helpful: Sequence[bool]) -> ThresholdFilter:
        """Return this filter with a curve fitted to passages known to help or not.

        Raises:
            DataError: only one class is there.
        """
        platt = Platt.fit(similarities, helpful)
        return replace(self, curve=(platt.slopes[0], platt.intercept))

    def to_artefact(self, card: Card) -> Artefact:
        """Put what was learned beside its card."""
        return Artefact(card=card, weights={"curve": np.asarray(self.curve, dtype=np.float64)})

    def with_artefact(self, artefact: Artefact) -> ThresholdFilter:
        """Return this filter as it was fitted; a threshold that was set by hand stays."""
        slope, intercept = (float(c) for c in artefact.weights["curve"])
        fitted = artefact.card.threshold
        return replace(
            self,
            curve=(slope, intercept),
            min_support=fitted if self.min_support is None else self.min_support,
        )

    def _judge_one(self, one: Judged) -> Judged:
        if one.hit.similarity is None:
            return replace(one, why="kept: no similarity is known to judge it by")
        support = self.support(one.hit.similarity)
        least = 0.1 if self.min_support is None else self.min_support
        kept = support >= least
        why = f"support {support:.2f} {'reaches' if kept else 'is below'} {least:.2f}"
        return replace(one, kept=kept, support=support, why=why)
