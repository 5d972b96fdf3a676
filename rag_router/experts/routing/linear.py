"""A logistic regression for each expert: is it right on a question that lies here?

RouterBench's predictive router (Hu et al. 2024, arXiv 2403.12031) with a linear predictor in place
of its multilayer perceptron:

    P(e right | q) = sigma(w_e . q + b_e)

Each expert's weights depend on its own outcomes alone. The ridge, one for all experts, is the one
of least cross-validated cross-entropy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.experts.routing.classes import folds_of
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.lesson import OutcomeLesson
from rag_router.learning.softmax import fit_sigmoids, sigmoid

__all__ = ["LinearRouter", "fit_lines", "line_logits"]

_RIDGES: Final = (3e-2, 1e-2, 3e-3, 1e-3)
_FOLDS: Final = 4


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LinearRouter(LearnedExpertRouter):
    """Ask the expert whose own logistic regression holds it right.

    Args:
        price_weight: Accuracy that the dearest candidate must bring more than a free one, >= 0.
        experts: Whom it knows; set by fitting.
        arrays: What was learned; empty until fitted.
        ridge: How much weights are shrunk, > 0; None chooses it.
    """

    ridge: Annotated[float, Field(gt=0)] | None = None

    called: ClassVar[str] = "linear"
    options_kept: ClassVar[tuple[str, ...]] = ("ridge",)

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        return fit_lines(lesson, self.ridge)

    def likely(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return sigmoid(line_logits(self.arrays, vectors))


def fit_lines(lesson: OutcomeLesson, ridge: float | None) -> dict[str, NDArray[np.float64]]:
    """Fit "weights" (experts, dimension) and "bias" (experts,); no ridge chooses one."""
    return _fitted(lesson, _chosen(lesson) if ridge is None else ridge)


def line_logits(
    lines: Mapping[str, NDArray[Any]], vectors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the log-odds that each expert is right, shape (questions, experts)."""
    # One question at a time: a product of matrices adds up in another order.
    return np.array([lines["weights"] @ vector + lines["bias"] for vector in vectors])


def _fitted(lesson: OutcomeLesson, ridge: float) -> dict[str, NDArray[np.float64]]:
    weights, bias = fit_sigmoids(lesson.vectors.astype(np.float64), lesson.right, ridge)
    return {"weights": weights, "bias": bias}


def _chosen(lesson: OutcomeLesson) -> float:
    fold = folds_of(len(lesson), _FOLDS, lesson.seed)
    losses = np.zeros(len(_RIDGES))
    for number in range(_FOLDS):
        rest, test = lesson.rows(fold != number), lesson.rows(fold == number)
        for place, ridge in enumerate(_RIDGES):
            logits = line_logits(_fitted(rest, ridge), test.vectors.astype(np.float64))
            losses[place] += (np.logaddexp(0, logits) - test.right * logits).sum()
    return _RIDGES[int(losses.argmin())]
