"""Vectors side by side, all of them looked at: exact, and quick up to some 100,000."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rag_router.indices.vectors.library import faiss_library

__all__ = ["FlatKind"]


@dataclass(frozen=True)
class FlatKind:
    """A `faiss.IndexFlat` of inner products."""

    name: ClassVar[str] = "flat"
    efforts: ClassVar[tuple[int, ...]] = ()
    keeps_vectors: ClassVar[bool] = True

    def build(self, vectors: NDArray[np.float32]) -> Any:
        faiss = faiss_library()
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return index

    def is_one(self, index: Any) -> bool:
        faiss = faiss_library()
        return isinstance(index, faiss.IndexFlat)

    def parameters(self, effort: int, selector: Any) -> Any:
        faiss = faiss_library()
        return None if selector is None else faiss.SearchParameters(sel=selector)
