"""A linear classifier and the nearest labelled questions, heard together.

The one knows what tells fields apart wherever a question lies, the other knows questions that lie
close by; their log-odds are added, as independent evidence would be, and go through one more curve
(logarithmic opinion pool: Genest and Zidek 1986, doi 10.1214/ss/1177013825).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.retrievers.routing.learned import LearnedRouter, Taught, folds_of
from rag_router.retrievers.routing.linear import LinearRouter
from rag_router.retrievers.routing.logistic import balanced_curve
from rag_router.retrievers.routing.neighbours import NeighboursRouter

__all__ = ["CombinedRouter"]

_SEED, _FOLDS = 0, 2
"""Of the folds by which the two are brought to one scale; they lie inside those of the fit."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CombinedRouter(LearnedRouter):
    """Hear a linear classifier and the nearest labelled questions together.

    Args:
        fewest: Labelled questions that an expert needs, >= 10.
        kept: Most labelled questions to learn from and keep, of each expert.
        arrays: What was learned; empty until fitted.
        ridge: How much the classifier's weights are shrunk, > 0.
        neighbours: How many of the nearest questions count.
    """

    ridge: Annotated[float, Field(gt=0)] = 1e-3
    neighbours: Annotated[int, Field(ge=1, le=200)] = 5

    options_kept: ClassVar[tuple[str, ...]] = ("ridge", "neighbours")

    def taught(self, lesson: Taught) -> Mapping[str, NDArray[Any]]:
        # On one scale with each other: each through a curve over scores of questions unseen.
        scales = {}
        for name, member in self._members.items():
            own, others = [], []
            for rest, test in folds_of(lesson, _SEED, _FOLDS):
                learned = member.taught(rest)
                own.append(member.score(learned, test.own))
                others.append(member.score(learned, test.all_others()))
            curve = balanced_curve(np.concatenate(own), np.concatenate(others))
            scales[f"{name}_curve"] = np.array([*curve.slopes, curve.intercept])
        learned = {
            k: v for member in self._members.values() for k, v in member.taught(lesson).items()
        }
        return {**learned, **scales}

    def score(
        self, learned: Mapping[str, NDArray[Any]], vectors: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Sum of the log-odds of the two, shape (questions,)."""
        total = np.zeros(len(vectors))
        for name, member in self._members.items():
            slope, intercept = learned[f"{name}_curve"]
            total += slope * member.score(learned, vectors) + intercept
        return total

    @property
    def _members(self) -> dict[str, LearnedRouter]:
        return {
            "linear": LinearRouter(ridge=self.ridge),
            "neighbours": NeighboursRouter(neighbours=self.neighbours),
        }
