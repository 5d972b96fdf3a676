"""Ours: what an expert says of itself, and what is known of it from outside, heard together.

`self_knowledge` hears the expert alone and `combined` the outcomes of like questions alone; here a
logistic regression of each expert weighs all three (stacking: Wolpert 1992,
doi 10.1016/S0893-6080(05)80023-1):

    P(e right | q) = sigma(u_e . (logit P_neighbours, logit P_kernel, logit p_know(e, q)) + v_e)

What an expert says of itself enters its own figure only: no expert has to be asked, nor loaded, to
judge another, so that a candidate that is not allowed changes nothing for those that are. Who
cannot tell (NaN), or whose word is not calibrated now, counts as saying what it says on average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.calibration.platt import logit
from rag_router.component import STRICT
from rag_router.experts.routing.base import Need, RoutingContext
from rag_router.experts.routing.combined import CombinedRouter
from rag_router.experts.routing.lesson import OutcomeLesson

__all__ = ["StackedRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class StackedRouter(CombinedRouter):
    """Ask whom its own word and the outcomes of like questions together hold right.

    Args:
        price_weight: Accuracy that the dearest candidate must bring more than a free one, >= 0.
        experts: Whom it knows; set by fitting.
        arrays: What was learned; empty until fitted.
        neighbours: How many of the nearest questions count.
        sharpness: How much more the nearer of them count, >= 0.
        kept: Most questions to learn from and keep, those drawn by the lesson's seed.
    """

    called: ClassVar[str] = "self_knowledge_stacked"
    reads: ClassVar[frozenset[Need]] = frozenset({"embeddings", "p_know"})

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        said = logit(lesson.require_p_know(self.called))
        return {**super().taught(lesson), "said": np.nanmean(said, axis=0)}

    def joined(self, facts: NDArray[np.float64], lesson: OutcomeLesson) -> NDArray[np.float64]:
        said = logit(lesson.require_p_know(self.called))
        return np.concatenate([facts, said[:, :, None]], axis=2)

    def predicted(
        self, questions: Sequence[str], names: Sequence[str], context: RoutingContext
    ) -> NDArray[np.float64]:
        vectors = context.vectors(self.called)
        self._require_width(vectors)
        knowing = context.knowing(self.called)
        columns = self.columns(names)
        said = np.tile(self.arrays["said"], (len(questions), 1))
        everyone = list(range(len(questions)))
        for name, column in zip(names, columns, strict=True):
            told = np.asarray(knowing(name, everyone), dtype=np.float64)
            if context.calibrated(name):
                said[:, column] = np.where(np.isnan(told), said[:, column], logit(told))
        facts = np.concatenate([self.facts(vectors), said[:, :, None]], axis=2)
        return self.stacked(facts)[:, columns]
