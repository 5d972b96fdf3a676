"""A random forest over a few figures, kept as plain arrays.

Breiman 2001, "Random forests" (doi 10.1023/A:1010933404324): each tree is grown on a bootstrap
sample, each split chosen among some of the columns; the probability is the mean over trees of the
share of right answers in the leaf. It hears what a sum cannot: that one figure counts only where
another is high. Trees are grown by scikit-learn, and read from arrays afterwards, so that what is
kept is numbers only. A tree's nodes stand depth first: the left child follows its parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.calibration import even_folds, logit
from rag_router.learning.trees import Shape, leaves_of, shape_of

__all__ = ["Forest", "fit_forest"]

_TREES: Final = 100
_COLUMNS: Final = 0.4
"""Share of the columns that a split is chosen among."""

_LEAF: Final = 1 / 230
"""Least share of the questions in a leaf: fewer tell a tree nothing that holds elsewhere."""

_LEAST_LEAF: Final = 10
_ODDS: Final = 1e-3
"""Probabilities nearer to 0 and 1 than this are not told apart: leaves are too small for it."""


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees one after the other, as arrays over all nodes.

    Attributes:
        roots: First node of each tree, shape (trees,).
        column: What a node splits on, -1 at a leaf, shape (nodes,).
        limit: Left where the column is at most this, shape (nodes,).
        right: The other child, as far after its parent as this says, shape (nodes,).
        share: Of right answers, shape (nodes,).
    """

    roots: NDArray[np.int32]
    column: NDArray[np.int16]
    limit: NDArray[np.float32]
    right: NDArray[np.int32]
    share: NDArray[np.float32]

    def __call__(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of being right, shape (n,), of columns of shape (n, columns)."""
        seen = columns.astype(np.float32)
        node = leaves_of(Shape(self.roots, self.column, self.limit, self.right), seen)
        return logit(np.clip(self.share[node].astype(np.float64).mean(axis=1), _ODDS, 1 - _ODDS))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what it consists of, for an artefact."""
        return {f"forest_{name}": getattr(self, name) for name in _PARTS}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Forest | None:
        """Bring back what `arrays` took apart; None if there is none."""
        if "forest_roots" not in arrays:
            return None
        return cls(**{name: arrays[f"forest_{name}"] for name in _PARTS})


_PARTS: Final = ("roots", "column", "limit", "right", "share")


def fit_forest(
    columns: NDArray[np.float64], right: NDArray[np.bool_], *, folds: int = 5, seed: int = 0
) -> tuple[Forest, NDArray[np.float64]]:
    """Grow a forest, and let forests grown on the other folds judge each question.

    Args:
        columns: Figures, shape (n, columns).
        right: Whether the closed-book answer was right.
        folds: Of the cross-fitting.
        seed: Of the folds and the trees.

    Returns:
        The forest, and the log-odds it gives to each question when grown without it, shape (n,).

    Raises:
        DataError: a class has fewer than two examples.
    """
    fold = even_folds(right, folds, seed)
    apart = np.empty(len(fold))
    for number in range(folds):
        rest, test = fold != number, fold == number
        apart[test] = _grow(columns[rest], right[rest], seed)(columns[test])
    return _grow(columns, right, seed), apart


def _grow(columns: NDArray[np.float64], right: NDArray[np.bool_], seed: int) -> Forest:
    from sklearn.ensemble import RandomForestClassifier

    leaf = max(_LEAST_LEAF, round(len(columns) * _LEAF))
    grown = RandomForestClassifier(
        _TREES, min_samples_leaf=leaf, max_features=_COLUMNS, random_state=seed
    ).fit(columns, right)
    classes = list(grown.classes_)
    trees = [tree.tree_ for tree in grown.estimators_]
    shape = shape_of(trees)
    shares = np.concatenate([tree.value[:, 0, classes.index(True)] for tree in trees])
    return Forest(
        roots=shape.roots.astype(np.int32),
        column=shape.column.astype(np.int16),
        limit=shape.limit,
        right=shape.right.astype(np.int32),
        share=shares.astype(np.float32),
    )
