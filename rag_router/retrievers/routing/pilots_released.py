"""RouterRetriever as it was released: the single nearest pilot decides.

The paper (Lee et al. 2025, arXiv 2409.02685) compares experts by the mean over their pilots; the
authors' `test.py` takes the expert of the one nearest pilot:

    s(e, q) = max over pilots p of e: cos(q, p)

With one pilot for each expert the two are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.retrievers.routing.pilots import PilotsRouter, cosines

__all__ = ["ReleasedPilotsRouter"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ReleasedPilotsRouter(PilotsRouter):
    """Ask the expert of the one nearest pilot (RouterRetriever, as released).

    Args:
        fewest: Labelled questions that an expert needs, >= 10.
        kept: Most labelled questions to learn from and keep, of each expert.
        arrays: What was learned; empty until fitted.
        pilots: Centroids of each group of questions.
    """

    def score(
        self, learned: Mapping[str, NDArray[Any]], vectors: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return np.asarray(cosines(vectors, learned["pilots"]).max(axis=1))
