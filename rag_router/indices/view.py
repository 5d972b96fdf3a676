"""An index of which only the passages that meet conditions can be found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag_router.indices.lexical import TermHit
from rag_router.indices.reach import Reach
from rag_router.types import Passage

if TYPE_CHECKING:
    from rag_router.indices.index import Index

__all__ = ["IndexView"]


class IndexView:
    """What retrievers ask of an index, answered from some of its rows.

    Conditions are applied while it is searched: as many passages come back as were asked for, if
    there are that many. Rows keep their numbers, and terms what they are worth in the whole index.

    Args:
        index: The whole index, which must stay open.
        allowed: For each of its rows whether it may be found.
    """

    def __init__(self, index: Index, allowed: NDArray[np.bool_]) -> None:
        self.index = index
        self.name = index.name
        self.allowed = allowed

    def __len__(self) -> int:
        return int(self.allowed.sum())

    def passages(self, rows: Sequence[int]) -> list[Passage]:
        """Return the passages in these rows, in this order."""
        return self.index.passages(rows)

    def search_vectors(
        self, vectors: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return cosines and rows of the nearest passages, best first."""
        return self.index.search_vectors(vectors, k, self.allowed)

    def search_terms(self, texts: Sequence[str], k: int) -> list[list[TermHit]]:
        """Return for each text the passages that share terms with it, best first."""
        return self.index.search_terms(texts, k, self.allowed)

    def reach(self, text: str) -> Reach:
        """Tell how far the whole index reaches for a question."""
        return self.index.reach(text)

    def vectors_of(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Return the stored vectors of these rows, shape (rows, dimension)."""
        return self.index.vectors_of(rows)
