"""Rep-Con: a map of hidden states in which known questions lie together.

Zeng et al. 2025, "Towards knowledge checking in retrieval-augmented generation: a representation
perspective" (NAACL 2025, arXiv 2411.14572). A perceptron f is trained to draw known questions
together and unknown ones away from them,

    L = 1/2 |f(v+_i) - f(v+_k)|^2  +  max(0, m - |f(v+_i) - f(v-_j)|^2),

and a question is scored by its mean cosine to the known ones,

    score(v) = mean_i cos(f(v), f(v+_i)),

which is the product of f(v)'s unit vector with the mean of theirs, so that this mean is all that
needs to be kept of them. Margin, sizes and depth are not stated in the paper; ours are m = 1, one
hidden layer of 32 units and 8 outputs, on 64 principal components of equal variance. A well trained
map crowds the cosines at the ends of their range, so a logistic curve over their cross-fitted
inverse hyperbolic tangents gives `p_know` (Platt 1999).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.base import Lesson
from rag_router.gates.layer import LayerGate
from rag_router.learning.contrast import artanh, contrastive_map, mean_cosines

__all__ = ["RepresentationContrastiveGate"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RepresentationContrastiveGate(LayerGate):
    """Retrieve when a learned map puts the question away from known ones.

    Until it is fitted, `p_know` is 0.5.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        layer: Which layer is read, 0 being the embedding; none takes the last, as published.
    """

    def taught(self, lesson: Lesson) -> Mapping[str, NDArray[Any]]:
        return contrastive_map(lesson.features, lesson.right, seed=lesson.seed)

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The artanh of the mean cosine to the known questions."""
        return artanh(mean_cosines(self.arrays, features))

    def figures(self, features: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """The mean cosine."""
        return {"cosine": mean_cosines(self.arrays, features)}
