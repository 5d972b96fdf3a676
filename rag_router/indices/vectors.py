"""The vectors of an index: a flat faiss index of inner products, exact and in one file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import IndexCorruptError

__all__ = ["FlatVectors", "write_vectors"]

_LIMITS = Lock()


class FlatVectors:
    """Unit vectors that can be searched by cosine. Reads may come from any thread.

    Args:
        index: A `faiss.IndexFlat` of the inner product.
    """

    def __init__(self, index: Any) -> None:
        self._index = index

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        return int(self._index.d)

    @classmethod
    def read(cls, path: Path, dimension: int) -> FlatVectors:
        """Read a file whose sha256 has been checked.

        Raises:
            IndexCorruptError: it holds something else than flat vectors of this dimension.
        """
        import faiss

        try:
            with _limited(path.stat().st_size):
                index = faiss.read_index(str(path))
        except (RuntimeError, OSError) as exc:
            reason = str(exc).strip().splitlines()[0]
            raise IndexCorruptError(f"{path} is not a faiss index: {reason}.") from exc
        is_flat = isinstance(index, faiss.IndexFlat)
        if not is_flat or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise IndexCorruptError(f"{path} is not a flat index of inner products.")
        if index.d != dimension:
            raise IndexCorruptError(f"{path} has dimension {index.d} instead of {dimension}.")
        return cls(index)

    def search(
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the cosines and rows of the `k` nearest, each (queries, min(k, vectors))."""
        k = min(k, len(self))
        if k == 0 or len(queries) == 0:
            shape = (len(queries), k)
            return np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.int64)
        scores, rows = self._index.search(np.ascontiguousarray(queries, dtype=np.float32), k)
        return scores, rows

    def rows(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return stored vectors, shape (rows, dimension)."""
        if len(rows) == 0:
            return np.zeros((0, self.dimension), dtype=np.float32)
        vectors: NDArray[np.float32] = self._index.reconstruct_batch(rows)
        return vectors


def write_vectors(path: Path, vectors: NDArray[np.float32]) -> None:
    """Write unit vectors, shape (rows, dimension), into a new file."""
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, dtype=np.float32))
    # Written by Python rather than by faiss, so that a full disk is an OSError.
    with path.open("wb") as file:
        file.write(faiss.serialize_index(index).data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _limited(size: int) -> Iterator[None]:
    """Keep faiss from allocating more for one vector than the whole file holds."""
    import faiss

    # The limit is one for the whole process, and other libraries may count on theirs.
    with _LIMITS:
        before = faiss.get_deserialization_vector_byte_limit()
        faiss.set_deserialization_vector_byte_limit(size)
        try:
            yield
        finally:
            faiss.set_deserialization_vector_byte_limit(before)
