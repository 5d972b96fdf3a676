"""Rep-Con: a map of hidden states in which helpful passages lie together.

Zeng et al. 2025, "Towards knowledge checking in retrieval-augmented generation: a representation
perspective" (NAACL 2025, arXiv 2411.14572), tasks 2 to 4. A perceptron f is trained to draw the
states of helpful passages together and those of unhelpful ones away from them,

    L = 1/2 |f(v+_i) - f(v+_k)|^2  +  max(0, m - |f(v+_i) - f(v-_j)|^2),

and the figure is the inverse hyperbolic tangent of mean_i cos(f(v), f(v+_i)).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.filters.states import StatesFilter
from rag_router.learning.contrast import artanh, contrastive_map, mean_cosines
from rag_router.signals.base import Requirements

__all__ = ["RepresentationContrastiveFilter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RepresentationContrastiveFilter(StatesFilter):
    """Keep passages that a learned map of the model's states puts near helpful ones.

    Until it is fitted it keeps everything.

    Args:
        min_support: Drop below this probability, in [0, 1]. None takes the fitted one, or 0.1.
        curve: Slope and intercept from the score to the log-odds of helping; empty until fitted.
        arrays: What was learned; empty until fitted.
        layer: Which layer is read, 0 being the embedding; none takes the last, as published.
        checks: What it was taught to tell: whether passages help, or whether they agree with what
            is true.
    """

    requires: ClassVar[Requirements] = Requirements(abilities=frozenset({"logits"}))

    name: ClassVar[str] = "representation_contrastive"

    def taught(
        self, states: NDArray[np.float64], helpful: NDArray[np.bool_], seed: int
    ) -> Mapping[str, NDArray[Any]]:
        return contrastive_map(states, helpful, seed=seed)

    def score(
        self, arrays: Mapping[str, NDArray[Any]], states: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return artanh(mean_cosines(arrays, states))
