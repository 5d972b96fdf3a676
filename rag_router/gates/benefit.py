"""Will looking it up help? P(retrieval turns a wrong answer into a right one).

Not knowing is no reason to look where nothing will be found: Mallen et al. 2023
(arXiv 2212.10511) and Wang et al. 2023 (arXiv 2310.05002) retrieve where it *helped* on questions
seen before. A logistic curve over a gate's scores, fitted to questions that were answered both
ways.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rag_router.calibration import Platt
from rag_router.gates.base import Lesson

__all__ = ["fit_benefit", "p_benefit"]

_PENALTY = 1e-2


def fit_benefit(scores: NDArray[np.float64], lesson: Lesson) -> NDArray[np.float64]:
    """Fit a curve from scores to "wrong without and right with passages".

    Args:
        scores: Shape (n, scores), of gates that had not learned from these questions.
        lesson: What was right without and with retrieval.

    Returns:
        A slope for each score and, last, the intercept; empty where nobody answered with
        passages, or where they helped with all questions or with none.
    """
    if lesson.helped is None:
        return np.zeros(0)
    turned = lesson.helped & ~lesson.right
    if not 0 < turned.sum() < len(turned):
        return np.zeros(0)
    curve = Platt.fit(scores, turned, penalty=_PENALTY)
    return np.array([*curve.slopes, curve.intercept])


def p_benefit(
    curve: NDArray[np.float64], scores: NDArray[np.float64], p_know: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """P(retrieval turns wrong into right), shape (n,); None where that was not learned.

    It is at most 1 - `p_know`: what is right already cannot be turned right.
    """
    if not len(curve):
        return None
    found = Platt(tuple(map(float, curve[:-1])), float(curve[-1]))(scores)
    return np.asarray(np.minimum(found, 1 - p_know))
