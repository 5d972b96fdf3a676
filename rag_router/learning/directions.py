"""Directions in which states of one kind differ from those of another (Rep-PCA).

Zeng et al. 2025, "Towards knowledge checking in retrieval-augmented generation: a representation
perspective" (NAACL 2025, arXiv 2411.14572). States of the two kinds are paired at random, and the
first principal components of their differences with alternating signs,

    D_n = (-1)^n (v+_n - v-_n),      n = 1 .. min(N+, N-)

lie along what parts the kinds: the signs take the mean away, which is the very difference, and
leave it in the variance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["alternating_differences", "parting_axes", "principal_axes"]


def parting_axes(
    one: NDArray[np.float64], other: NDArray[np.float64], *, count: int, seed: int
) -> NDArray[np.float64]:
    """Return axes along which two kinds of states differ, each leading towards the first kind.

    Args:
        one: Shape (N+, width).
        other: Shape (N-, width).
        count: How many axes.
        seed: Of the pairs.

    Returns:
        Shape (count, width), each of length 1.
    """
    axes = principal_axes(alternating_differences(one, other, seed), count)
    # An axis has no direction of its own.
    towards = axes @ (one.mean(axis=0) - other.mean(axis=0))
    return np.asarray(axes * np.where(towards < 0, -1.0, 1.0)[:, None])


def alternating_differences(
    one: NDArray[np.float64], other: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """Pair states of two kinds at random; return (-1)^n (v+_n - v-_n), n = 1, 2, ...

    Args:
        one: Shape (N+, width).
        other: Shape (N-, width).
        seed: Of the pairs.

    Returns:
        Shape (min(N+, N-), width).
    """
    draw = np.random.default_rng(seed)
    pairs = min(len(one), len(other))
    left = one[draw.permutation(len(one))[:pairs]]
    right = other[draw.permutation(len(other))[:pairs]]
    signs = np.where(np.arange(1, pairs + 1) % 2 == 0, 1.0, -1.0)
    return np.asarray(signs[:, None] * (left - right))


def principal_axes(rows: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the first principal axes of some rows, shape (count, width), each of length 1.

    Where the rows do not span that many, the rest are axes along which they do not vary.
    """
    centred = rows - rows.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred)
    return np.asarray(directions[:, np.argsort(-variances, kind="stable")[:count]].T)
