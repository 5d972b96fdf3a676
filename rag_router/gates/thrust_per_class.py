"""Thrust with clusters of their own for what the model knew and what it did not.

Zhao et al. 2023 (NeurIPS 2023, arXiv 2307.10442), the form for tasks with N classes; here the
classes are the two that matter, known and unknown, so N = 2:

    s(q) = | 1/(N K)  sum_l  sum_k  |C_kl| / |d_kl|^2  d_kl / |d_kl| |_2 ,    d_kl = m_kl - f(q)

Both classes pull alike: near to either of them the score is high. K is that of `thrust`, for each
class. Which class it is that is near, `thrust_contrast` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.base import Lesson
from rag_router.gates.thrust import ThrustGate, find_clusters

__all__ = ["ThrustPerClassGate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ThrustPerClassGate(ThrustGate):
    """Retrieve when the question is far from clusters of known and unknown ones.

    Until it is fitted, `p_know` is 0.5.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        layer: Which layer is read, 0 being the embedding; none takes the last, as published.
        clusters: How many clusters each class has; none takes the fourth root of the number of
            questions, rounded up, and at least 3.
    """

    def taught(self, lesson: Lesson) -> Mapping[str, NDArray[Any]]:
        count = self._count(lesson)
        known = find_clusters(lesson.features[lesson.right], count, lesson.seed)
        unknown = find_clusters(lesson.features[~lesson.right], count, lesson.seed)
        return {
            "centroids": np.concatenate([known[0], unknown[0]]).astype(np.float32),
            "sizes": np.concatenate([known[1], unknown[1]]),
        }
