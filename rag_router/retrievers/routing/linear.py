"""A linear classifier on the question's embedding, one expert against the rest.

The ExpertClassifierRouter of RouterRetriever's comparison (Lee et al. 2025, arXiv 2409.02685,
table 1) is one classifier over all experts; here each expert has a logistic regression of its own
(Rifkin and Klautau 2004, "In defense of one-vs-all classification"), so that experts come and go
without a refit. The ridge is the one of least cross-validated cross-entropy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.retrievers.routing.learned import LearnedRouter, Taught, folds_of
from rag_router.learning.logistic import cross_entropy, fit_logistic

__all__ = ["LinearRouter"]

_RIDGES: Final = (1e-3, 1e-4, 1e-5)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LinearRouter(LearnedRouter):
    """Tell an expert's questions from all others by a line through the embeddings.

    Args:
        fewest: Labelled questions that an expert needs, >= 10.
        kept: Most labelled questions to learn from and keep, of each expert.
        arrays: What was learned; empty until fitted.
        ridge: How much weights are shrunk, > 0; None chooses it for each expert.
    """

    ridge: Annotated[float, Field(gt=0)] | None = None

    def chosen(self, lesson: Taught, seed: int) -> Self:
        if self.ridge is not None:
            return self
        losses = dict.fromkeys(_RIDGES, 0.0)
        for rest, test in folds_of(lesson, seed):
            weights = np.concatenate(test.weights())
            target = np.concatenate(
                [np.ones(len(test.own)), np.zeros(len(weights) - len(test.own))]
            )
            for ridge in _RIDGES:
                learned = replace(self, ridge=ridge).taught(rest)
                logits = self.score(learned, np.concatenate([test.own, test.all_others()]))
                losses[ridge] += cross_entropy(logits, target, weights)
        return replace(self, ridge=min(losses, key=lambda ridge: losses[ridge]))

    def taught(self, lesson: Taught) -> Mapping[str, NDArray[Any]]:
        own, others = lesson.weights()
        x = np.concatenate([lesson.own, lesson.all_others()])
        target = np.concatenate([np.ones(len(own)), np.zeros(len(others))])
        ridge = _RIDGES[0] if self.ridge is None else self.ridge
        weights, bias = fit_logistic(x, target, np.concatenate([own, others]), ridge)
        return {"weights": weights, "bias": np.array([bias])}

    def score(
        self, learned: Mapping[str, NDArray[Any]], vectors: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        # Not a matrix product: that adds up in another order where there are more rows.
        return np.asarray((vectors * learned["weights"]).sum(axis=1) + learned["bias"][0])
