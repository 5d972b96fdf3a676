"""How often each strength of contrast ends in the wanted answer: a random forest, as arrays.

Breiman 2001, "Random forests" (doi 10.1023/A:1010933404324), with several numbers at a leaf: of the
questions that fell there, the weighted share that each strength answers as wanted. The mean over
trees is what a strength promises. It hears what a sum cannot: that one figure counts only where
another is high. A tree's nodes stand depth first: the left child follows its parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from rag_router.learning.trees import Shape, leaves_of

__all__ = ["RewardForest"]

_PARTS: Final = ("roots", "column", "limit", "right", "share")


@dataclass(frozen=True, slots=True)
class RewardForest:
    """Trees one after the other, as arrays over all nodes.

    Attributes:
        roots: First node of each tree, shape (trees,).
        column: What a node splits on, -1 at a leaf, shape (nodes,).
        limit: Left where the column is at most this, shape (nodes,).
        right: The other child, as far after its parent as this says, shape (nodes,).
        share: Of wanted answers at each strength, shape (nodes, strengths).
    """

    roots: NDArray[np.int32]
    column: NDArray[np.int8]
    limit: NDArray[np.float32]
    right: NDArray[np.int16]
    share: NDArray[np.float16]

    def __call__(self, columns: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each strength promises, shape (rows, strengths), of columns (rows, columns)."""
        node = leaves_of(Shape(self.roots, self.column, self.limit, self.right), columns)
        return np.asarray(self.share[node].astype(np.float64).mean(axis=1))

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return what it consists of, for an artefact, under a name."""
        return {f"{name}.{part}": getattr(self, part) for part in _PARTS}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> Self:
        """Bring back what `arrays` took apart.

        Raises:
            KeyError: it is not there.
        """
        return cls(**{part: arrays[f"{name}.{part}"] for part in _PARTS})
