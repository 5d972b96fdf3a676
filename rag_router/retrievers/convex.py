"""Convex combination with theoretical min-max (Bruch, Gai and Ingber 2022, arXiv 2210.11934).

    score(d) = weight * (cos(d) + 1) / (best cos + 1) + (1 - weight) * bm25(d) / best bm25

Each score is scaled from the least it can be, which is -1 for a cosine and 0 for BM25, to the
best of the question. BM25 is scaled within each index and cosines within each embedder, because
beyond them they do not compare. A passage whose BM25 is not among the best `depth` counts with 0,
the least; its cosine is always known. The authors find this better than reciprocal ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.retrievers.base import Query, Searchable, ranked
from rag_router.retrievers.dense import DenseRetriever
from rag_router.retrievers.merging import by_passage, merged
from rag_router.retrievers.setbacks import ask_or_leave_out
from rag_router.retrievers.similarity import space_of
from rag_router.retrievers.sparse import SparseRetriever
from rag_router.types import Hit

__all__ = ["ConvexRetriever"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ConvexRetriever:
    """Ask for words and for meaning, and add up both scores, each scaled to 0..1.

    Args:
        k: Most hits for a question.
        weight: How much meaning counts, in [0, 1]: 1 is `dense`, 0 is `sparse`.
        depth: How many hits each of both brings from each index.
        name: What hits say found them.
    """

    k: Annotated[int, Field(ge=1)] = 8
    weight: Annotated[float, Field(ge=0.0, le=1.0)] = 0.8
    depth: Annotated[int, Field(ge=1)] = 50
    name: str = "fused_convex"

    @property
    def calls(self) -> int:
        return 2

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        sparse, dense = SparseRetriever(k=self.depth), DenseRetriever(k=self.depth)
        spaces = {index.name: space_of(index) for index in indices}
        # One index at a time, so that BM25 is told as it is and not as ranks.
        by_index = [ask_or_leave_out((sparse, dense), queries, [index]) for index in indices]
        return [
            self._fuse([found[row] for lists in by_index for found in lists], spaces)
            for row in range(len(queries))
        ]

    def _fuse(self, lists: Sequence[Sequence[Hit]], spaces: Mapping[str, str]) -> list[Hit]:
        best_terms: dict[str, float] = {}
        best_cosine: dict[str, float] = {}
        passages = by_passage(lists)
        for hits in passages:
            index = hits[0].passage.index
            space = spaces[index]
            best_terms[index] = max(best_terms.get(index, 0.0), _terms(hits))
            best_cosine[space] = max(best_cosine.get(space, -1.0), _cosine(hits))
        return ranked(
            [
                self._one(hits, best_terms[index], best_cosine[spaces[index]])
                for hits in passages
                for index in (hits[0].passage.index,)
            ],
            self.k,
        )

    def _one(self, hits: Sequence[Hit], best_terms: float, best_cosine: float) -> Hit:
        terms = _terms(hits) / best_terms if best_terms > 0 else 0.0
        meaning = (_cosine(hits) + 1) / (best_cosine + 1) if best_cosine > -1 else 0.0
        score = self.weight * meaning + (1 - self.weight) * terms
        return merged(hits, name=self.name, score=score)


def _terms(hits: Sequence[Hit]) -> float:
    return max((hit.score for hit in hits if hit.retriever == "sparse"), default=0.0)


def _cosine(hits: Sequence[Hit]) -> float:
    return max((hit.similarity for hit in hits if hit.similarity is not None), default=-1.0)
