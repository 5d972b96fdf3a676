"""Rep-PCA: two directions in which known questions differ from unknown ones.

Zeng et al. 2025, "Towards knowledge checking in retrieval-augmented generation: a representation
perspective" (NAACL 2025, arXiv 2411.14572). Known and unknown questions are paired at random, and
the differences of their last hidden states v, with alternating signs,

    D_n = (-1)^n (v+_n - v-_n),      n = 1 .. min(N+, N-)

have their first two principal components along what parts the two classes: the signs take the
mean away, which is the very difference, and leave it in the variance. All questions are projected
on the two, and a logistic regression on the two coordinates tells the classes apart. A curve over
its cross-fitted log-odds gives `p_know`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.calibration import Platt
from rag_router.component import STRICT
from rag_router.gates.base import Lesson
from rag_router.gates.layer import LayerGate
from rag_router.learning.directions import parting_axes

__all__ = ["RepresentationGate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RepresentationGate(LayerGate):
    """Retrieve when two principal directions put the question among unknown ones.

    Until it is fitted, `p_know` is 0.5.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        layer: Which layer is read, 0 being the embedding; none takes the last, as published.
    """

    axes: ClassVar[int] = 2

    def taught(self, lesson: Lesson) -> Mapping[str, NDArray[Any]]:
        states, right = lesson.features, lesson.right
        axes = parting_axes(states[right], states[~right], count=self.axes, seed=lesson.seed)
        line = Platt.fit(states @ axes.T, right)
        return {"axes": axes.astype(np.float32), "line": np.array([*line.slopes, line.intercept])}

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds on the two coordinates."""
        line = self.arrays["line"]
        return np.asarray(self._coordinates(features) @ line[:-1] + line[-1])

    def figures(self, features: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """The two coordinates; known questions lie further along both."""
        columns = self._coordinates(features).T
        return {f"axis_{number}": column for number, column in enumerate(columns, start=1)}

    def _coordinates(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(features @ self.arrays["axes"].astype(np.float64).T)
