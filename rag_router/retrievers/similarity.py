"""The cosine of a question and stored passages, the same however large the batch is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag_router.retrievers.base import Query, Searchable

__all__ = ["similarities"]


def similarities(query: Query, index: Searchable, rows: Sequence[int]) -> list[float]:
    """Return the cosine of `query` and the passage in each of these rows, in [-1, 1].

    A batch search adds up in another order for another batch size. Ranks come from these sums
    instead, in float64, one question at a time: an answer is the same alone and in company.
    """
    stored = index.vectors_of(rows).astype(np.float64)
    cosines = (stored * query.vector.astype(np.float64)).sum(axis=1)
    return [float(cosine) for cosine in np.clip(cosines, -1.0, 1.0)]
