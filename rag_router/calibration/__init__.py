"""Turning scores into probabilities that mean what they say, and thresholds that keep promises."""

from rag_router.calibration.choice import (
    Calibrator,
    arrays_of,
    choose_calibrator,
    even_folds,
    restored,
)
from rag_router.calibration.figures import auroc, brier_score, expected_calibration_error
from rag_router.calibration.isotonic import Isotonic
from rag_router.calibration.platt import Platt, logit
from rag_router.calibration.temperature import Temperature

__all__ = [
    "Calibrator",
    "Isotonic",
    "Platt",
    "Temperature",
    "arrays_of",
    "auroc",
    "brier_score",
    "choose_calibrator",
    "even_folds",
    "expected_calibration_error",
    "logit",
    "restored",
]
