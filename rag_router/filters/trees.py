"""Boosted trees over a few figures, kept as plain arrays.

Friedman 2001, "Greedy function approximation: a gradient boosting machine" (doi
10.1214/aos/1013203451), each tree on a random part of the examples (Friedman 2002, doi
10.1016/S0167-9473(01)00065-2): the log-odds are a start plus the sum of one leaf of each tree.
Trees are grown by scikit-learn, and read from arrays afterwards, so that what is kept is numbers
only. A tree's nodes stand depth first: the left child follows its parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.learning.trees import Shape, leaves_of, shape_of

__all__ = ["BoostedTrees", "grow"]

_UNKNOWN: Final = -1e6
"""What stands for a figure that is not known: a split can tell it from all others."""

_PARTS: Final = ("start", "roots", "column", "limit", "right", "value")


@dataclass(frozen=True, slots=True)
class BoostedTrees:
    """Trees one after the other, as arrays over all nodes.

    Attributes:
        start: Log-odds before any tree, shape (1,).
        roots: First node of each tree, shape (trees,).
        column: What a node splits on, -1 at a leaf, shape (nodes,).
        limit: Left where the column is at most this, shape (nodes,).
        right: The other child, as far after its parent as this says, shape (nodes,).
        value: What a leaf adds to the log-odds, shape (nodes,).
    """

    start: NDArray[np.float64]
    roots: NDArray[np.int32]
    column: NDArray[np.int16]
    limit: NDArray[np.float32]
    right: NDArray[np.int16]
    value: NDArray[np.float32]

    def __call__(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds, shape (n,), of columns of shape (n, columns); NaN is not known."""
        seen = _known(columns)
        node = leaves_of(Shape(self.roots, self.column, self.limit, self.right), seen)
        return np.asarray(self.start[0] + self.value[node].astype(np.float64).sum(axis=1))

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return what they consist of, for an artefact, under a name."""
        return {f"{name}.{part}": getattr(self, part) for part in _PARTS}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> BoostedTrees:
        """Bring back what `arrays` took apart.

        Raises:
            KeyError: there is none of this name.
        """
        return cls(**{part: arrays[f"{name}.{part}"] for part in _PARTS})


def grow(
    columns: NDArray[np.float64],
    right: NDArray[np.bool_],
    *,
    trees: int = 120,
    depth: int = 4,
    rate: float = 0.08,
    seed: int = 0,
) -> BoostedTrees:
    """Grow trees that tell right from wrong.

    Args:
        columns: Figures, shape (n, columns); NaN is not known.
        right: What happened, n of them; both classes.
        trees: How many, >= 1.
        depth: Splits between a root and a leaf, >= 1.
        rate: What each tree's leaves are multiplied with, in (0, 1].
        seed: Of the parts that trees are grown on, and of the columns that splits choose among.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    grown = GradientBoostingClassifier(
        n_estimators=trees,
        learning_rate=rate,
        max_depth=depth,
        min_samples_leaf=max(1, min(40, len(columns) // 50)),
        max_features=0.3,
        subsample=0.25,
        random_state=seed,
    ).fit(_known(columns), right)
    built = [one.tree_ for one in grown.estimators_[:, 0]]
    share = float(np.mean(right))
    shape = shape_of(built)
    return BoostedTrees(
        start=np.array([np.log(share / (1 - share))]),
        roots=shape.roots.astype(np.int32),
        column=shape.column.astype(np.int16),
        limit=shape.limit,
        right=shape.right.astype(np.int16),
        value=np.concatenate([rate * tree.value[:, 0, 0] for tree in built]).astype(np.float32),
    )


def _known(columns: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.nan_to_num(columns, nan=_UNKNOWN).astype(np.float32)
