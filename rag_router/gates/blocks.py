"""Several blocks of features side by side in one row, which tells how wide each of them is.

Features are one array, kept question by question; what reads several things off a question has
to find them again. The widths stand first, so that they need not be known beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError

__all__ = ["join_blocks", "part_blocks"]


def join_blocks(blocks: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Stand blocks of shape (n, width) side by side, their widths before them.

    Returns:
        Shape (n, blocks + sum of widths).
    """
    n = len(blocks[0])
    widths = np.broadcast_to([float(block.shape[1]) for block in blocks], (n, len(blocks)))
    return np.column_stack([widths, *blocks]).astype(np.float64)


def part_blocks(features: NDArray[np.float64], count: int) -> list[NDArray[np.float64]]:
    """Take apart what `join_blocks` joined.

    Args:
        features: Shape (n, count + sum of widths).
        count: How many blocks there are.

    Raises:
        DataError: these are not so many blocks.
    """
    if not len(features):
        return [np.zeros((0, 0))] * count
    widths = features[0, :count]
    whole = np.isfinite(features[:, :count]).all() and bool((features[:, :count] == widths).all())
    if not whole or count + widths.sum() != features.shape[1]:
        raise DataError(
            f"features of {features.shape[1]} columns are not {count} blocks of features.",
            hint="Read them with the gate they are for, and with the same members and options.",
        )
    edges = count + np.cumsum(widths).astype(np.int64)
    return np.split(features[:, : edges[-1]], [count, *edges[:-1]], axis=1)[1:]
