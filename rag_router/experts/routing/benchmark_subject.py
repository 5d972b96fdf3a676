"""Bench-CoE, subject level: every question speaks for the best expert of its subject.

Wang et al. 2024 (arXiv 2412.04167): labels of single questions are noisy, those of whole subjects
are not, and carry over better to benchmarks that the router has not seen:

    t(q) = argmax_e mean of right_e over the subject of q

The classifier names the expert itself; unlike in MoDEM (`domain`), subjects of one expert need not
be told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.experts.routing.benchmark import BenchmarkRouter
from rag_router.experts.routing.classes import fit_classes, one_hot
from rag_router.experts.routing.lesson import OutcomeLesson

__all__ = ["SubjectRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SubjectRouter(BenchmarkRouter):
    """Ask the best expert of the question's subject (Bench-CoE, subject level).

    Args:
        price_weight: Preference that the dearest candidate must have more than a free one, >= 0.
        experts: Whom it knows; set by fitting.
        arrays: What was learned; empty until fitted.
    """

    called: ClassVar[str] = "benchmark_subject"

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        fields = lesson.require_fields(self.called)
        best = {field: self._best_of(lesson, field) for field in set(fields)}
        target = one_hot([best[field] for field in fields], lesson.experts)
        return fit_classes(lesson.vectors, target, lesson.seed)

    def _best_of(self, lesson: OutcomeLesson, field: str) -> str:
        rows = np.array([of == field for of in lesson.fields])
        return lesson.experts[lesson.rows(rows).best()]
