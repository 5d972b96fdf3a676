"""Which curve from scores to probabilities: the one of least cross-validated Brier score.

The Brier score (Brier 1950, doi 10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2) rewards being
calibrated and being sharp at once, so that it can choose between curves of different freedom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.calibration.figures import brier_score
from rag_router.calibration.isotonic import Isotonic
from rag_router.calibration.platt import Platt
from rag_router.calibration.temperature import Temperature
from rag_router.errors import DataError

__all__ = ["Calibrator", "arrays_of", "choose_calibrator", "even_folds", "restored"]


class Calibrator(Protocol):
    """A curve from one score to a probability."""

    def __call__(self, scores: ArrayLike) -> NDArray[np.float64]: ...


def choose_calibrator(
    scores: ArrayLike, labels: ArrayLike, *, folds: int = 5, seed: int = 0
) -> tuple[Calibrator, dict[str, float]]:
    """Fit temperature, Platt and isotonic curves; keep the best.

    Args:
        scores: Log-odds, shape (n,); not the ones of the examples that the score was fitted to.
        labels: What happened.
        folds: Of the cross-validation.
        seed: Of the folds.

    Returns:
        The curve fitted to everything, and each kind's cross-validated Brier score.

    Raises:
        DataError: only one class is there, or a score is not finite.
    """
    x = np.asarray(scores, dtype=np.float64).reshape(-1)
    y = np.asarray(labels, dtype=bool)
    kinds: dict[str, Callable[[ArrayLike, ArrayLike], Calibrator]] = {
        "temperature": Temperature.fit,
        "platt": Platt.fit,
        "isotonic": Isotonic.fit,
    }
    fold = even_folds(y, folds, seed)
    briers: dict[str, float] = {}
    for name, fit in kinds.items():
        p = np.empty(len(x))
        for number in range(folds):
            test = fold == number
            p[test] = fit(x[~test], y[~test])(x[test])
        briers[name] = brier_score(p, y)
    # At a tie the stiffer curve wins: it is the first one.
    best = min(briers, key=lambda name: briers[name])
    return kinds[best](x, y), briers


def arrays_of(calibrator: Calibrator) -> dict[str, NDArray[np.float64]]:
    """Return what a calibrator consists of, for an artefact."""
    if isinstance(calibrator, Temperature):
        return {"calibrator.temperature": np.array([calibrator.value])}
    if isinstance(calibrator, Platt):
        return {"calibrator.platt": np.array([*calibrator.slopes, calibrator.intercept])}
    if isinstance(calibrator, Isotonic):
        return {
            "calibrator.isotonic": np.array([calibrator.scores, calibrator.probabilities]),
        }
    raise TypeError(f"{type(calibrator).__name__} cannot be kept in an artefact.")


def restored(arrays: Mapping[str, NDArray[np.float64]]) -> Calibrator | None:
    """Bring back the calibrator that `arrays_of` took apart; None if there is none."""
    if "calibrator.temperature" in arrays:
        return Temperature(float(arrays["calibrator.temperature"][0]))
    if "calibrator.platt" in arrays:
        *slopes, intercept = (float(v) for v in arrays["calibrator.platt"])
        return Platt(tuple(slopes), intercept)
    if "calibrator.isotonic" in arrays:
        x, p = arrays["calibrator.isotonic"]
        return Isotonic(tuple(map(float, x)), tuple(map(float, p)))
    return None


def even_folds(labels: ArrayLike, folds: int, seed: int) -> NDArray[np.int64]:
    """Draw the number of each example's fold; both classes are spread evenly.

    Raises:
        DataError: a class has fewer than two examples.
    """
    y = np.asarray(labels, dtype=bool)
    if min(y.sum(), (~y).sum()) < 2:
        raise DataError(
            f"cross-validation needs both classes; saw {y.sum()} right and {(~y).sum()} wrong.",
            hint="Give more, and more varied, labelled questions.",
        )
    random = np.random.default_rng(seed)
    fold = np.empty(len(y), dtype=np.int64)
    for label in (False, True):
        rows = np.flatnonzero(y == label)
        fold[random.permutation(rows)] = np.arange(len(rows)) % folds
    return fold
