"""How well a router saves calls of a strong model beside a weak one.

RouteLLM's figures (Ong et al. 2024, arXiv 2406.18665). APGR is the area under accuracy against
strong share, counted from the weak model (0) to the strong one (1); random routing has about 0.5.
CPT(x) is the least share of strong calls that recovers x of the gap. Both are taken at every
threshold, where the paper takes ten; and CPT where the accuracy *first* reaches the target, since
router curves are not always monotone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.errors import DataError
from rag_router.eval.metrics.columns import figures, same_length, shares
from rag_router.eval.metrics.switching import SwitchCurve, switch_curve
from rag_router.eval.metrics.weighted import Statistic

__all__ = ["apgr", "apgr_of", "calls_needed", "strong_share_curve"]


def strong_share_curve(
    win: ArrayLike, right_weak: ArrayLike, right_strong: ArrayLike
) -> SwitchCurve:
    """Accuracy at every share of strong calls, the highest win scores sent first.

    Args:
        win: How much the strong model is to be preferred; higher is more. Shape (n,). The
            thresholds of the curve are on `-win`.
        right_weak: How right the weak model is, in [0, 1], shape (n,).
        right_strong: How right the strong one is, in [0, 1], shape (n,).

    Raises:
        DataError: unequal lengths, nothing, or numbers out of range.
    """
    return switch_curve(-figures("win scores", win), right_weak, right_strong)


def apgr(curve: SwitchCurve) -> float:
    """Average share of the gap that is recovered; above 1 where the mix beats the strong model.

    Raises:
        DataError: the strong model is not better than the weak one.
    """
    weak, gap = _gap(curve)
    return (curve.area - weak) / gap


def apgr_of(win: ArrayLike, right_weak: ArrayLike, right_strong: ArrayLike) -> Statistic:
    """Return the weighted APGR, for the bootstrap; NaN in draws without a gap.

    Args:
        win: How much the strong model is to be preferred; higher is more. Shape (n,).
        right_weak: How right the weak model is, in [0, 1], shape (n,).
        right_strong: How right the strong one is, in [0, 1], shape (n,).

    Raises:
        DataError: unequal lengths, nothing, or numbers out of range.
    """
    score = figures("win scores", win)
    weak, strong = shares("weak outcomes", right_weak), shares("strong outcomes", right_strong)
    n = same_length(wins=score, weak=weak, strong=strong)
    order = np.argsort(-score, kind="stable")
    ranked, gains = score[order], (strong - weak)[order]
    # Equal scores go together: between two thresholds lies a straight line.
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))

    def of(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        ordered = weights[:, order]
        share = _from_nothing(np.cumsum(ordered, axis=1)[:, ends])
        gained = _from_nothing(np.cumsum(ordered * gains, axis=1)[:, ends])
        area = (np.diff(share, axis=1) * (gained[:, 1:] + gained[:, :-1])).sum(axis=1) / 2
        whole = share[:, -1] * gained[:, -1]
        found: NDArray[np.float64] = np.full(len(area), np.nan)
        np.divide(area, whole, out=found, where=whole > 0)
        return found

    return Statistic(n, of)


def calls_needed(curve: SwitchCurve, recovered: float) -> float:
    """CPT: least share of strong calls, in [0, 1], that recovers a part of the gap.

    Args:
        curve: From `strong_share_curve`.
        recovered: Part of the gap, in [0, 1]; 0.5 for CPT(50 %).

    Raises:
        DataError: the part is out of range, or the strong model is not better.
    """
    if not 0 <= recovered <= 1:
        raise DataError(f"a part of {recovered} of the gap.", hint="Use 0 to 1, 0.5 for CPT(50 %).")
    weak, gap = _gap(curve)
    share = curve.share_needed(weak + recovered * gap)
    # The curve ends at the strong model, where all of the gap is recovered.
    return 1.0 if share is None else share


def _gap(curve: SwitchCurve) -> tuple[float, float]:
    weak, strong = float(curve.accuracies[0]), float(curve.accuracies[-1])
    if strong <= weak:
        raise DataError(
            f"the strong model ({strong:.4f}) is not better than the weak one ({weak:.4f}).",
            hint="Without a gap there is nothing to recover; swap them, or compare accuracies.",
        )
    return weak, strong - weak


def _from_nothing(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros((len(curve), 1)), curve], axis=1)
