"""Decision trees as plain arrays: grown by scikit-learn, kept and walked without it.

Trees stand one after the other, the nodes of each depth first: the left child follows its parent.
What stands at a node besides (a share, a sum, several promises) is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Shape", "leaves_of", "shape_of"]


class Shape(NamedTuple):
    """Where trees split, as arrays over all nodes.

    Attributes:
        roots: First node of each tree, shape (trees,).
        column: What a node splits on, -1 at a leaf, shape (nodes,).
        limit: Left where the column is at most this, float32, shape (nodes,).
        right: The other child, as far after its parent as this says, shape (nodes,).
    """

    roots: NDArray[np.integer[Any]]
    column: NDArray[np.integer[Any]]
    limit: NDArray[np.float32]
    right: NDArray[np.integer[Any]]


def shape_of(trees: Sequence[Any]) -> Shape:
    """Take scikit-learn's trees (`tree_` of its estimators) apart."""
    inner = np.concatenate([tree.children_left for tree in trees]) >= 0
    further = np.concatenate([tree.children_right - np.arange(tree.node_count) for tree in trees])
    return Shape(
        roots=np.cumsum([0, *(tree.node_count for tree in trees)])[:-1],
        column=np.where(inner, np.concatenate([tree.feature for tree in trees]), -1),
        limit=_rounded_down(np.concatenate([tree.threshold for tree in trees])),
        right=np.where(inner, further, 0),
    )


def leaves_of(shape: Shape, columns: NDArray[np.float32]) -> NDArray[np.int64]:
    """Walk rows down all trees: the leaves they come to, shape (rows, trees).

    Args:
        shape: The trees.
        columns: What they split on, shape (rows, columns).
    """
    roots, column, limit, right = shape
    node = np.broadcast_to(roots, (len(columns), len(roots))).astype(np.int64)
    rows = np.arange(len(columns))[:, None]
    while (inner := column[node] >= 0).any():
        left = columns[rows, column[node]] <= limit[node]
        node += np.where(inner, np.where(left, 1, right[node]), 0)
    return node


def _rounded_down(limits: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 at most as large: no float32 column falls on the other side of it."""
    near = limits.astype(np.float32)
    return np.where(near > limits, np.nextafter(near, np.float32(-np.inf)), near)
