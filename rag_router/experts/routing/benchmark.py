"""Bench-CoE, query level: learn from which expert answered which question rightly.

Wang et al. 2024, "Bench-CoE: a framework for collaboration of experts from benchmark",
arXiv 2412.04167. A classifier learns from the outcomes of a benchmark which expert to ask. With
labels of single questions,

    t_e(q) = right_e(q) / sum_e' right_e'(q),

a question speaks for all experts that answered it rightly, the same for each; one that nobody or
everybody answered tells nothing and is left out. The paper fine-tunes BERT; here the classifier
reads the question's embedding. Its softmax is a preference, not a probability to be right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import DataError
from rag_router.experts.routing.classes import class_probabilities, fit_classes
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.lesson import FEWEST, OutcomeLesson

__all__ = ["BenchmarkRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BenchmarkRouter(LearnedExpertRouter):
    """Ask whom questions like this one speak for (Bench-CoE, query level).

    Args:
        price_weight: Preference that the dearest candidate must have more than a free one, >= 0.
        experts: Whom it knows; set by fitting.
        arrays: What was learned; empty until fitted.
    """

    called: ClassVar[str] = "benchmark"

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        total = lesson.right.sum(axis=1)
        telling = (total > 0) & (lesson.right.min(axis=1) < lesson.right.max(axis=1))
        if telling.sum() < FEWEST:
            raise DataError(
                f"experts differ on {int(telling.sum())} questions, which is too few to learn "
                "from.",
                hint=f"Give more questions, or experts that differ: at least {FEWEST}.",
            )
        target = lesson.right[telling] / total[telling][:, None]
        return fit_classes(lesson.vectors[telling], target, lesson.seed)

    def likely(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return class_probabilities(self.arrays, vectors)

    def _why(self, likely: float, price: float) -> str:
        del price
        return f"preferred on {likely:.0%} of questions like this one"
