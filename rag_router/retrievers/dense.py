"""Passages whose embeddings lie nearest to the question's.

Karpukhin et al. 2020, "Dense passage retrieval for open-domain question answering"
(arXiv 2004.04906), with any sentence embedder:  score(q, d) = cos(e(q), e(d)).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.retrievers.base import Query, Searchable, ranked
from rag_router.retrievers.similarity import similarities
from rag_router.types import Hit

__all__ = ["DenseRetriever"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DenseRetriever:
    """Rank passages by the cosine of their embedding and the question's.

    The score is the cosine, so that passages of several indices of one embedder merge by it.

    Args:
        k: Most hits for a question.
        name: What hits say found them.
    """

    k: Annotated[int, Field(ge=1)] = 8
    name: str = "dense"

    @property
    def calls(self) -> int:
        return 1

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        if not queries:
            return []
        vectors = np.stack([query.vector for query in queries])
        found: list[list[Hit]] = [[] for _ in queries]
        for index in indices:
            _, rows = index.search_vectors(vectors, self.k)
            passages = dict(zip(rows.flat, index.passages(rows.flatten().tolist()), strict=True))
            for hits, query, of_query in zip(found, queries, rows.tolist(), strict=True):
                for row, cosine in zip(of_query, similarities(query, index, of_query), strict=True):
                    hits.append(
                        Hit(
                            passage=passages[row],
                            retriever=self.name,
                            score=cosine,
                            rank=0,
                            similarity=cosine,
                            why=f"cosine {cosine:.3f}",
                        )
                    )
        return [ranked(hits, self.k) for hits in found]
