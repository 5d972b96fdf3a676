"""Ours: the nearest outcomes and the smoothed ones, heard together for each expert.

The one knows what happened close by, the other what holds over a wider space. Their log-odds are
brought together by a logistic regression of each expert (stacking: Wolpert 1992,
doi 10.1016/S0893-6080(05)80023-1), learned on what both say about questions that neither has
learned from:

    P(e right | q) = sigma(u_e . (logit P_neighbours, logit P_kernel) + v_e)

What is learned of an expert depends on its own outcomes and on where the questions lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.calibration.platt import logit
from rag_router.component import STRICT
from rag_router.experts.routing.kernel import fit_smoother, smoothed, without_itself
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.lesson import OutcomeLesson
from rag_router.experts.routing.neighbours import shares_nearby
from rag_router.learning.logistic import fit_logistic
from rag_router.learning.softmax import sigmoid

__all__ = ["CombinedRouter"]

_RIDGE: Final = 1e-3
_PRIOR: Final = 1.0
"""A right and a wrong answer that every neighbourhood is taken to hold beside its own."""
_EDGE: Final = 0.02
"""How near to certain the smoothed outcomes may say that they are."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CombinedRouter(LearnedExpertRouter):
    """Ask whom nearby and smoothed outcomes together hold right.

    Args:
        price_weight: Accuracy that the dearest candidate must bring more than a free one, >= 0.
        experts: Whom it knows; set by fitting.
        arrays: What was learned; empty until fitted.
        neighbours: How many of the nearest questions count.
        sharpness: How much more the nearer of them count, >= 0.
        kept: Most questions to learn from and keep, those drawn by the lesson's seed.
    """

    neighbours: Annotated[int, Field(ge=1, le=1_000)] = 20
    sharpness: Annotated[float, Field(ge=0, le=100)] = 10.0
    kept: Annotated[int, Field(ge=20, le=5_000)] = 2_000

    called: ClassVar[str] = "combined"
    options_kept: ClassVar[tuple[str, ...]] = ("neighbours", "sharpness", "kept")

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        lesson = lesson.some(self.kept)
        smoother = fit_smoother(lesson)
        learned = {**smoother, "right": lesson.right.astype(np.float32)}
        apart = without_itself(smoother, lesson.right)
        facts = self.joined(self._log_odds(self._shares_apart(learned), apart), lesson)
        stack = []
        for expert, right in enumerate(lesson.right.T):
            weights, bias = fit_logistic(facts[:, expert], right, np.ones(len(right)), _RIDGE)
            stack.append([*weights, bias])
        return {**learned, "stack": np.array(stack)}

    def joined(self, facts: NDArray[np.float64], lesson: OutcomeLesson) -> NDArray[np.float64]:
        """Add what else is known of each question and expert, shape (n, experts, facts)."""
        del lesson
        return facts

    def likely(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.stacked(self.facts(vectors))

    def facts(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds that both give, shape (questions, experts, 2)."""
        shares = shares_nearby(self.arrays, vectors, self.neighbours, self.sharpness)
        return self._log_odds(shares, smoothed(self.arrays, vectors))

    def stacked(self, facts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bring facts (questions, experts, facts) together to P(right), (questions, experts)."""
        stack = self.arrays["stack"]
        logits = (facts * stack[:, :-1]).sum(axis=2) + stack[:, -1]
        return sigmoid(logits)

    def _shares_apart(self, learned: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """What the neighbours of each kept question say, itself left out, (n, experts)."""
        rows = np.arange(len(learned["seen"]))
        apart = []
        for row in rows:
            others = rows != row
            rest = {"seen": learned["seen"][others], "right": learned["right"][others]}
            vector = learned["seen"][row : row + 1].astype(np.float64)
            apart.append(shares_nearby(rest, vector, self.neighbours, self.sharpness)[0])
        return np.array(apart)

    def _log_odds(
        self, shares: NDArray[np.float64], smooth: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        k = self.neighbours
        nearby = logit((k * shares + _PRIOR) / (k + 2 * _PRIOR))
        return np.stack([nearby, logit(np.clip(smooth, _EDGE, 1 - _EDGE))], axis=2)
