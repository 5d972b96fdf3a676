"""Outcomes smoothed over the space of questions: kernel ridge regression for each expert.

    P(e right | q) = mean_e + sum_j k(q, j) alpha_je,    k(q, j) = exp(sharpness (cos(q, j) - 1))
    alpha = (K + noise I)^-1 (right - mean)

the mean of a Gaussian process over outcomes (Rasmussen and Williams 2006, "Gaussian processes for
machine learning", doi 10.7551/mitpress/3206.001.0001, equation 2.25), with a Gaussian kernel on
the sphere. Where `neighbours` hears k labelled questions, this hears all of them, counts near ones
more and many of one place not more than they tell. The same weights serve every expert, so that
the difference of two experts is smoothed as each of them is. Sharpness and noise are those of the
least squared error with each question left out, which needs no refit (ibid., equation 5.12).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.lesson import OutcomeLesson

__all__ = ["KernelRouter", "fit_smoother", "smoothed", "without_itself"]

_SHARPNESS: Final = (2.0, 5.0, 10.0)
_NOISE: Final = (80.0, 20.0, 5.0, 2.0)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class KernelRouter(LearnedExpertRouter):
    """Ask whom outcomes, smoothed over the space of questions, hold right.

    Args:
        price_weight: Accuracy that the dearest candidate must bring more than a free one, >= 0.
        experts: Whom it knows; set by fitting.
        arrays: What was learned; empty until fitted.
        kept: Most questions to learn from and keep, those drawn by the lesson's seed.
    """

    kept: Annotated[int, Field(ge=20, le=5_000)] = 2_000

    called: ClassVar[str] = "kernel"
    options_kept: ClassVar[tuple[str, ...]] = ("kept",)

    def taught(self, lesson: OutcomeLesson) -> Mapping[str, NDArray[Any]]:
        return fit_smoother(lesson.some(self.kept))

    def likely(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return smoothed(self.arrays, vectors)


def fit_smoother(lesson: OutcomeLesson) -> dict[str, NDArray[Any]]:
    """Learn from outcomes.

    Returns:
        "seen" (n, dimension), "alpha" (n, experts), "mean" (experts,) and "shape", which holds
        sharpness and noise.
    """
    mean = lesson.right.mean(axis=0)
    gaps = lesson.right - mean
    cosines = _cosines(lesson.vectors)
    errors = {}
    for sharpness in _SHARPNESS:
        values, turned = np.linalg.eigh(np.exp(sharpness * (cosines - 1)))
        for noise in _NOISE:
            errors[sharpness, noise] = float((_left_out(values, turned, noise, gaps) ** 2).mean())
    # Of equals the smoothest.
    order = list(product(_SHARPNESS, _NOISE))
    sharpness, noise = min(order, key=lambda pair: (errors[pair], order.index(pair)))
    gram = np.exp(sharpness * (cosines - 1)) + noise * np.eye(len(cosines))
    return {
        "seen": lesson.vectors.astype(np.float32),
        "alpha": np.linalg.solve(gram, gaps),
        "mean": mean,
        "shape": np.array([sharpness, noise]),
    }


def smoothed(
    smoother: Mapping[str, NDArray[Any]], vectors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return P(right) of each expert, in [0, 1], shape (questions, experts)."""
    seen, alpha = smoother["seen"], smoother["alpha"]
    sharpness = float(smoother["shape"][0])
    rows = []
    for vector in vectors:
        # One question at a time: a product of matrices adds up in another order.
        near = np.exp(sharpness * ((seen @ vector.astype(np.float32)).astype(np.float64) - 1))
        rows.append(smoother["mean"] + near @ alpha)
    return np.asarray(np.clip(np.array(rows), 0.0, 1.0))


def without_itself(
    smoother: Mapping[str, NDArray[Any]], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what the smoother says of each question it learned from, had it not learned of it.

    Args:
        smoother: What was learned.
        right: The outcomes that it learned from, shape (n, experts).

    Returns:
        P(right) of each expert, in [0, 1], shape (n, experts).
    """
    sharpness, noise = (float(value) for value in smoother["shape"])
    values, turned = np.linalg.eigh(np.exp(sharpness * (_cosines(smoother["seen"]) - 1)))
    missed = _left_out(values, turned, noise, right - smoother["mean"])
    return np.asarray(np.clip(right - missed, 0.0, 1.0))


def _left_out(
    values: NDArray[np.float64],
    turned: NDArray[np.float64],
    noise: float,
    gaps: NDArray[np.float64],
) -> NDArray[np.float64]:
    """How far each question is missed by what is learned of all others, (n, experts)."""
    scaled = turned / (values + noise)
    alpha = scaled @ (turned.T @ gaps)
    return np.asarray(alpha / (scaled * turned).sum(axis=1)[:, None])


def _cosines(vectors: NDArray[Any]) -> NDArray[np.float64]:
    exact = vectors.astype(np.float64)
    return np.asarray(exact @ exact.T)
