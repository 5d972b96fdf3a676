"""Thrust of the known questions against Thrust of the unknown ones.

Our own, after Zhao et al. 2023 (NeurIPS 2023, arXiv 2307.10442). Thrust tells how near a question
is to what was seen, and takes for granted that what was seen is known. Here the questions whose
closed-book answer was right and those whose answer was wrong are clustered apart, each of them
has a Thrust as published (N = 1), and the score is the logarithm of their ratio,

    log s_known(q) - log s_unknown(q).

High means: drawn to what the model knew rather than to what it did not. Distances are taken
between 64 principal components of equal variance (`rag_router.learning.probes`): between raw states
they are those of a few large components. The layer is the one at three quarters of the depth; the
last one is busy with what to say next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.base import Lesson
from rag_router.gates.thrust import ThrustGate, find_clusters, log_thrust
from rag_router.learning.probes import Projection

__all__ = ["ThrustContrastGate"]

_COMPONENTS: Final = 64


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ThrustContrastGate(ThrustGate):
    """Retrieve when the question is drawn to unknown ones rather than to known ones.

    Until it is fitted, `p_know` is 0.5.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        layer: Which layer is read, 0 being the embedding; none takes the one at three quarters
            of the depth.
        clusters: How many clusters each class has; none takes the fourth root of the number of
            questions, rounded up, and at least 3.
    """

    usual_depth: ClassVar[float] = 0.75

    def taught(self, lesson: Lesson) -> Mapping[str, NDArray[Any]]:
        count = self._count(lesson)
        projection = Projection.of(lesson.features, _COMPONENTS)
        states = projection(lesson.features).astype(np.float64)
        learned: dict[str, NDArray[Any]] = {
            "mean": projection.mean,
            "basis": projection.basis.astype(np.float32),
        }
        for name, rows in (("known", lesson.right), ("unknown", ~lesson.right)):
            centroids, sizes = find_clusters(states[rows], count, lesson.seed)
            learned |= {f"{name}.centroids": centroids.astype(np.float32), f"{name}.sizes": sizes}
        return learned

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The logarithm of the ratio."""
        known, unknown = self.figures(features).values()
        return known - unknown

    def figures(self, features: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """The logarithms of both Thrusts."""
        states = (features - self.arrays["mean"]) @ self.arrays["basis"].astype(np.float64)
        return {
            f"log_thrust_{name}": log_thrust(
                states, self.arrays[f"{name}.centroids"], self.arrays[f"{name}.sizes"]
            )
            for name in ("known", "unknown")
        }
