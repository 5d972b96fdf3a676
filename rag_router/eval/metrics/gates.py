"""How well a gate's `p_know` tells right closed-book answers from wrong ones.

AUROC and AUPRC judge the order alone; Brier score (Brier 1950) and calibration error (Guo et al.
2017, arXiv 1706.04599) the probabilities. Equal probabilities have no order among themselves, so
no figure here depends on the order of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router import calibration
from rag_router.errors import DataError, UnavailableError
from rag_router.eval.metrics.columns import figures, flags, same_length, shares
from rag_router.eval.metrics.selective import aurc

__all__ = [
    "Bin",
    "auprc",
    "auroc",
    "brier",
    "calibration_error",
    "equal_mass_bins",
    "equal_width_bins",
    "gate_figures",
]


@dataclass(frozen=True, slots=True)
class Bin:
    """Questions of similar probability.

    Attributes:
        count: How many, >= 1.
        confidence: Their mean probability, in [0, 1].
        accuracy: The share of right ones, in [0, 1].
    """

    count: int
    confidence: float
    accuracy: float


def gate_figures(p_know: ArrayLike, right: ArrayLike) -> dict[str, float]:
    """Return "auroc", "auprc", "ece", "brier" and "aurc" of a gate.

    Where all answers are right, or all wrong, there is no "auroc" and no "auprc".

    Args:
        p_know: Probability that the model alone answers correctly, shape (n,).
        right: Whether it does, shape (n,).

    Raises:
        DataError: unequal lengths, nothing, NaN, or probabilities outside [0, 1].
        UnavailableError: scikit-learn is not installed.
    """
    p, outcome = _probabilities(p_know, right)
    both = outcome.any() and not outcome.all()
    order = {"auroc": auroc(p, outcome), "auprc": auprc(p, outcome)} if both else {}
    return order | {
        "ece": calibration_error(equal_mass_bins(p, outcome)),
        "brier": brier(p, outcome),
        "aurc": aurc(p, outcome),
    }


def auroc(scores: ArrayLike, right: ArrayLike) -> float:
    """Probability that a right one outscores a wrong one, ties counting half.

    Raises:
        DataError: only one class is there, or the columns are broken.
    """
    score, outcome = _two_classes("AUROC", scores, right)
    return calibration.auroc(score, outcome.tolist())


def auprc(scores: ArrayLike, right: ArrayLike) -> float:
    """Average precision: mean over right ones of the precision down to their score.

    Raises:
        DataError: only one class is there, or the columns are broken.
        UnavailableError: scikit-learn is not installed.
    """
    score, outcome = _two_classes("AUPRC", scores, right)
    try:
        from sklearn.metrics import average_precision_score
    except ImportError as exc:
        raise UnavailableError(
            "average precision needs scikit-learn.", hint="Run: pip install 'rag-router[eval]'"
        ) from exc
    return float(average_precision_score(outcome, score))


def brier(p: ArrayLike, right: ArrayLike) -> float:
    """Mean squared distance between probability and outcome, in [0, 1]."""
    probability, outcome = _probabilities(p, right)
    return calibration.brier_score(probability, outcome.tolist())


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """ECE: mean distance of accuracy and confidence, each bin by its count, in [0, 1]."""
    total = sum(b.count for b in bins)
    return sum(b.count * abs(b.accuracy - b.confidence) for b in bins) / total


def equal_mass_bins(p: ArrayLike, right: ArrayLike, *, bins: int = 10) -> tuple[Bin, ...]:
    """Cut the questions, in order of probability, into bins of (nearly) equal count.

    Equal probabilities that fall into two bins bring the same accuracy to both, that of all of
    them; cut anyhow, they would show an error that comes from the order of the rows.

    Args:
        p: Probabilities, shape (n,).
        right: Outcomes, shape (n,).
        bins: How many, >= 1; fewer come back where there are fewer questions.
    """
    probability, outcome = _probabilities(p, right)
    _count(bins)
    group = np.unique(probability, return_inverse=True)[1]
    mean = np.bincount(group, weights=outcome) / np.bincount(group)
    parts = np.array_split(np.argsort(probability), bins)
    return tuple(_bin(probability[part], mean[group[part]]) for part in parts if len(part))


def equal_width_bins(p: ArrayLike, right: ArrayLike, *, bins: int = 10) -> tuple[Bin, ...]:
    """Cut [0, 1] into equal parts; empty ones are left out.

    A probability on an edge belongs to the part below it.
    """
    probability, outcome = _probabilities(p, right)
    _count(bins)
    part = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probability)
    return tuple(
        _bin(probability[part == place], outcome[part == place].astype(np.float64))
        for place in np.unique(part)
    )


def _bin(probability: NDArray[np.float64], outcome: NDArray[np.float64]) -> Bin:
    return Bin(
        count=len(probability),
        confidence=float(probability.mean()),
        accuracy=float(outcome.mean()),
    )


def _count(bins: int) -> None:
    if bins < 1:
        raise DataError(f"{bins} bins.", hint="Use at least one.")


def _probabilities(p: ArrayLike, right: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    probability, outcome = shares("probabilities", p), flags("outcomes", right)
    same_length(probabilities=probability, outcomes=outcome)
    return probability, outcome


def _two_classes(
    name: str, scores: ArrayLike, right: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    score, outcome = figures("scores", scores), flags("outcomes", right)
    n = same_length(scores=score, outcomes=outcome)
    if outcome.all() or not outcome.any():
        only = "right" if outcome.any() else "wrong"
        raise DataError(
            f"{name} needs both classes; all {n} are {only}.",
            hint="Give more, and more varied, questions.",
        )
    return score, outcome
