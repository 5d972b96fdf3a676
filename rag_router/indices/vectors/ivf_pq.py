"""Lists of product codes: a few bytes a vector (Jégou et al. 2011, doi 10.1109/TPAMI.2010.57).

A vector stands in the list of its nearest centroid, as a code. Codes only say what may be near;
the vectors themselves, which lie in a file beside, say what is nearest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.indices.vectors.library import faiss_library

__all__ = ["IvfPqKind"]

_BITS: Final = 8
_TRAIN_PER_LIST: Final = 64
_SEED: Final = 0


@dataclass(frozen=True)
class IvfPqKind:
    """A `faiss.IndexIVFPQ` of inner products; the effort is nprobe.

    There are 4 sqrt(n) lists, and about one byte for every four dimensions.
    """

    name: ClassVar[str] = "ivf_pq"
    efforts: ClassVar[tuple[int, ...]] = (4, 8, 16, 32, 64, 128, 256)
    keeps_vectors: ClassVar[bool] = False

    def build(self, vectors: NDArray[np.float32]) -> Any:
        faiss = faiss_library()
        count, dimension = vectors.shape
        lists = max(1, min(int(4 * math.sqrt(count)), count // 39))
        coarse = faiss.IndexFlatIP(dimension)
        index = faiss.IndexIVFPQ(
            coarse, dimension, lists, _parts(dimension), _BITS, faiss.METRIC_INNER_PRODUCT
        )
        # Codes of the vectors rather than of what the centroid leaves of them: one table a question
        # serves all lists, and none is worked out when the file is read.
        index.by_residual = False
        random = np.random.default_rng(_SEED)
        wanted = max(_TRAIN_PER_LIST * lists, 39 * 2**_BITS)
        sample = vectors
        if wanted < count:
            sample = vectors[np.sort(random.choice(count, wanted, replace=False))]
        index.train(sample)
        index.add(vectors)
        return index

    def is_one(self, index: Any) -> bool:
        faiss = faiss_library()
        return isinstance(index, faiss.IndexIVFPQ)

    def parameters(self, effort: int, selector: Any) -> Any:
        faiss = faiss_library()
        if selector is None:
            return faiss.SearchParametersIVF(nprobe=effort)
        return faiss.SearchParametersIVF(nprobe=effort, sel=selector)


def _parts(dimension: int) -> int:
    """The largest divisor of the dimension that leaves parts of four dimensions or more."""
    return max(part for part in range(1, max(dimension // 4, 1) + 1) if dimension % part == 0)
