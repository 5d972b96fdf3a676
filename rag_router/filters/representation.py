"""Rep-PCA: two directions in which helpful passages differ from unhelpful ones.

Zeng et al. 2025, "Towards knowledge checking in retrieval-augmented generation: a representation
perspective" (NAACL 2025, arXiv 2411.14572), tasks 2 and 3 (is the passage helpful?) and 4 (does it
contradict?). Helpful and unhelpful states v, of the generator's last token after the passage and
the question, are paired at random; of the differences with alternating signs,

    D_n = (-1)^n (v+_n - v-_n),      n = 1 .. min(N+, N-)

the first two principal components are taken, all states projected on them, and the figure is the
log-odds of a logistic regression on the two coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.calibration import Platt
from rag_router.component import STRICT
from rag_router.filters.states import StatesFilter
from rag_router.learning.directions import parting_axes
from rag_router.signals.base import Requirements

__all__ = ["RepresentationFilter"]

_AXES: Final = 2


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RepresentationFilter(StatesFilter):
    """Keep passages that two directions of the model's states put among helpful ones.

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

    name: ClassVar[str] = "representation"

    def taught(
        self, states: NDArray[np.float64], helpful: NDArray[np.bool_], seed: int
    ) -> Mapping[str, NDArray[Any]]:
        axes = parting_axes(states[helpful], states[~helpful], count=_AXES, seed=seed)
        line = Platt.fit(states @ axes.T, helpful)
        return {"axes": axes.astype(np.float32), "line": np.array([*line.slopes, line.intercept])}

    def score(
        self, arrays: Mapping[str, NDArray[Any]], states: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        line = arrays["line"]
        return np.asarray(states @ arrays["axes"].astype(np.float64).T @ line[:-1] + line[-1])
