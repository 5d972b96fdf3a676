"""The labelled questions that a router keeps, each number of an embedding in one byte.

They are what new experts are told apart from, so that one can be added without the questions that
the others were fitted on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_kept", "as_read"]

_STEPS = 127
"""Whole steps of -127 to 127, scaled by the largest number of the embedding."""


def as_kept(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return embeddings in whole steps, shape (n, dimension), and the step of each, (n, 1)."""
    scales = np.abs(vectors).max(axis=1, keepdims=True) / _STEPS
    scales[scales == 0] = 1.0
    return np.rint(vectors / scales).astype(np.int8), scales.astype(np.float32)


def as_read(steps: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return embeddings as they were, up to half a step, shape (n, dimension)."""
    return steps.astype(np.float64) * scales.astype(np.float64)
