"""A graph of near neighbours, walked from far to near (Malkov and Yashunin, arXiv 1603.09320).

The vectors lie beside the graph as they are, so that 4 d + 8 M bytes a vector are needed, and
nothing can be taken out: what is removed stays as a dead slot until the graph is built again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rag_router.indices.vectors.library import faiss_library

__all__ = ["HnswKind"]


@dataclass(frozen=True)
class HnswKind:
    """A `faiss.IndexHNSWFlat` of inner products; the effort is efSearch.

    Args:
        links: Neighbours a vector keeps on each level, >= 2; twice as many on the lowest.
        construction: How many candidates its neighbours are chosen from, >= 1.
    """

    name: ClassVar[str] = "hnsw"
    efforts: ClassVar[tuple[int, ...]] = (16, 32, 64, 128, 256, 512)
    keeps_vectors: ClassVar[bool] = True

    links: int = 32
    construction: int = 80

    def build(self, vectors: NDArray[np.float32]) -> Any:
        faiss = faiss_library()
        index = faiss.IndexHNSWFlat(vectors.shape[1], self.links, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = self.construction
        index.add(vectors)
        return index

    def is_one(self, index: Any) -> bool:
        faiss = faiss_library()
        if not isinstance(index, faiss.IndexHNSWFlat):
            return False
        stored = faiss.downcast_index(index.storage)
        return isinstance(stored, faiss.IndexFlat) and int(stored.ntotal) == int(index.ntotal)

    def parameters(self, effort: int, selector: Any) -> Any:
        faiss = faiss_library()
        if selector is None:
            return faiss.SearchParametersHNSW(efSearch=effort)
        return faiss.SearchParametersHNSW(efSearch=effort, sel=selector)
