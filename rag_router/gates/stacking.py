"""Stacking: one probability out of several, from what each says of questions it never saw.

Breiman 1996, "Stacked regressions" (doi 10.1007/BF00117832), after Wolpert 1992: a logistic curve
over the members' log-odds, fitted to cross-fitted ones, so that a member that is too sure of what
it learned from is not believed too much. Which curve turns the sum into a probability is chosen by
cross-validation (`rag_router.calibration.choice`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.calibration import (
    Calibrator,
    Platt,
    arrays_of,
    choose_calibrator,
    even_folds,
    restored,
)
from rag_router.gates.linear import linear_logits

__all__ = ["Stack", "fit_stack", "fit_sum"]

_PENALTY: Final = 1e-2
"""Ridge on the slopes; members say nearly the same, and none is to be played off another."""

_FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class Stack:
    """Weights of the members, and the curve over their sum.

    Attributes:
        weights: One for each member and, last, the intercept.
        calibrator: From the weighted sum to a probability.
    """

    weights: tuple[float, ...]
    calibrator: Calibrator

    def __call__(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities, shape (n,), for the members' log-odds of shape (n, members)."""
        return self.calibrator(linear_logits(logits, np.array(self.weights[:-1]), self.weights[-1]))

    def arrays(self, prefix: str = "") -> dict[str, NDArray[np.float64]]:
        """Return what it consists of, for an artefact."""
        parts = {"stack": np.array(self.weights), **arrays_of(self.calibrator)}
        return {prefix + name: array for name, array in parts.items()}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> Stack | None:
        """Bring back what `arrays` took apart; None if there is none."""
        own = {
            name.removeprefix(prefix): array
            for name, array in arrays.items()
            if name.startswith(prefix)
        }
        calibrator = restored(own)
        if calibrator is None:
            return None
        return cls(tuple(float(weight) for weight in own["stack"]), calibrator)


def fit_stack(
    logits: NDArray[np.float64], right: NDArray[np.bool_], *, seed: int = 0
) -> tuple[Stack, NDArray[np.float64]]:
    """Fit weights and curve.

    Args:
        logits: Log-odds of the members, each by one that had not learned from the question,
            shape (n, members).
        right: Whether the closed-book answer was right.
        seed: Of the folds.

    Returns:
        The stack, and P(right) of each question, weights and curve from the other folds.

    Raises:
        DataError: a class has fewer than two examples.
    """
    fold = even_folds(right, _FOLDS, seed)
    weights, apart = fit_sum(logits, right, seed=seed)
    calibrator, _ = choose_calibrator(apart, right, folds=_FOLDS, seed=seed)
    p = np.empty(len(fold))
    for number in range(_FOLDS):
        rest, test = fold != number, fold == number
        curve, _ = choose_calibrator(apart[rest], right[rest], folds=_FOLDS, seed=seed)
        p[test] = curve(apart[test])
    return Stack(tuple(map(float, weights)), calibrator), p


def fit_sum(
    logits: NDArray[np.float64], right: NDArray[np.bool_], *, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit weights only.

    Args:
        logits: Log-odds of the members, each by one that had not learned from the question,
            shape (n, members).
        right: Whether the closed-book answer was right.
        seed: Of the folds.

    Returns:
        A weight for each member and, last, the intercept; and the weighed sum of each question
        by weights from the other folds, shape (n,).

    Raises:
        DataError: a class has fewer than two examples.
    """
    fold = even_folds(right, _FOLDS, seed)
    apart = np.empty(len(fold))
    for number in range(_FOLDS):
        rest, test = fold != number, fold == number
        others = _weights(logits[rest], right[rest])
        apart[test] = linear_logits(logits[test], others[:-1], others[-1])
    return _weights(logits, right), apart


def _weights(logits: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    curve = Platt.fit(logits, right, penalty=_PENALTY)
    return np.array([*curve.slopes, curve.intercept])
