"""Passages whose embeddings lie nearest to the question's.

Karpukhin et al. 2020, "Dense passage retrieval for open-domain question answering"
(arXiv 2004.04906), with any sentence embedder:  score(q, d) = cos(e(q), e(d)). Indices may be
built with any number of embedders; each is asked with its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import ModelError
from rag_router.retrievers.base import Query, Searchable, ranked
from rag_router.retrievers.merging import by_rank
from rag_router.retrievers.similarity import asked_of, similarities, space_of
from rag_router.types import Hit

__all__ = ["DenseRetriever"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DenseRetriever:
    """Rank passages by the cosine of their embedding and the question's.

    The score is the cosine, so that passages of several indices of one embedder merge by it.
    Cosines of two embedders say nothing about each other: where indices were built with several,
    the hits of each are merged by their ranks, and the score is 1 / (60 + rank in its space).

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
        spaces: dict[str, list[list[Hit]]] = {}
        for index in indices:
            found = spaces.setdefault(space_of(index), [[] for _ in queries])
            for hits, fresh in zip(found, self._search(queries, index), strict=True):
                hits.extend(fresh)
        lists = [[ranked(hits, self.k) for hits in found] for found in spaces.values()]
        if len(lists) > 1:
            lists = [[by_rank(hits) for hits in found] for found in lists]
        return [
            ranked([hit for found in lists for hit in found[row]], self.k)
            for row in range(len(queries))
        ]

    def _search(self, queries: Sequence[Query], index: Searchable) -> list[list[Hit]]:
        asked = asked_of(queries, index)
        if not all(query.embedded for query in asked):
            raise ModelError("what is searched for could not be embedded.")
        _, rows = index.search_vectors(np.stack([query.vector for query in asked]), self.k)
        passages = dict(zip(rows.flat, index.passages(rows.flatten().tolist()), strict=True))
        return [
            [
                Hit(
                    passage=passages[row],
                    retriever=self.name,
                    score=cosine,
                    rank=0,
                    similarity=cosine,
                    why=f"cosine {cosine:.3f}",
                )
                for row, cosine in zip(of_query, similarities(query, index, of_query), strict=True)
            ]
            for query, of_query in zip(asked, rows.tolist(), strict=True)
        ]
