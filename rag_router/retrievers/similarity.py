"""The cosine of a question and stored passages, the same however large the batch is.

An index may have an embedder of its own: then its questions are embedded by that one, and its
cosines say nothing about those of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rag_router.retrievers.base import Query, Searchable

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["asked_of", "similarities", "space_of"]


def asked_of(queries: Sequence[Query], index: Searchable) -> Sequence[Query]:
    """Return the queries as the index is to be asked: embedded by its own embedder if it has one.

    Each is embedded by itself, so that it is the same alone and in company.
    """
    encoder = _encoder_of(index)
    if encoder is None:
        return queries
    return [
        replace(query, vector=encoder.encode_queries([query.text])[0].astype(np.float32))
        for query in queries
    ]


def space_of(index: Searchable) -> str:
    """Tell in which space the vectors of an index lie; empty is that of the queries."""
    encoder = _encoder_of(index)
    return "" if encoder is None else encoder.fingerprint


def similarities(query: Query, index: Searchable, rows: Sequence[int]) -> list[float]:
    """Return the cosine of `query` and the passage in each of these rows, in [-1, 1].

    A batch search adds up in another order for another batch size. Ranks come from these sums
    instead, in float64, one question at a time: an answer is the same alone and in company.
    """
    stored = index.vectors_of(rows).astype(np.float64)
    cosines = (stored * query.vector.astype(np.float64)).sum(axis=1)
    return [float(cosine) for cosine in np.clip(cosines, -1.0, 1.0)]


def _encoder_of(index: Any) -> Embedder | None:
    # A view of an index is asked as the whole one is.
    whole = getattr(index, "index", index)
    encoder: Embedder | None = getattr(whole, "encoder", None)
    return encoder
