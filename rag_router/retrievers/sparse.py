"""Passages that share words with the question, by BM25+ (see `rag_router.indices.lexical`).

Lv and Zhai 2011, "Lower-bounding term frequency normalization" (doi 10.1145/2063576.2063584).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.indices.lexical import TermHit
from rag_router.retrievers.base import Query, Searchable, ranked
from rag_router.retrievers.merging import by_rank
from rag_router.retrievers.setbacks import OURS, told
from rag_router.retrievers.similarity import asked_of, similarities
from rag_router.types import Hit

__all__ = ["SparseRetriever"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SparseRetriever:
    """Rank passages by the rare words they share with the question.

    The score is BM25+ when one index is asked. Scores of two indices say nothing about each
    other, because each counts words in its own passages: with several indices the hits are
    merged by their ranks, and the score is 1 / (60 + rank in its index). A passage that shares
    no word is not a hit. Where cosines cannot be had, passages are found without them.

    Args:
        k: Most hits for a question.
        name: What hits say found them.
    """

    k: Annotated[int, Field(ge=1)] = 8
    name: str = "sparse"

    @property
    def calls(self) -> int:
        return 1

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        by_index = [self._search(queries, index) for index in indices]
        if len(by_index) > 1:
            by_index = [[by_rank(hits) for hits in found] for found in by_index]
        return [
            ranked([hit for found in by_index for hit in found[row]], self.k)
            for row in range(len(queries))
        ]

    def _search(self, queries: Sequence[Query], index: Searchable) -> list[list[Hit]]:
        found = index.search_terms([query.text for query in queries], self.k)
        rows = [[term_hit.row for term_hit in terms] for terms in found]
        cosines = _cosines(queries, index, rows)
        return [
            self._hits(index, terms, beside) for terms, beside in zip(found, cosines, strict=True)
        ]

    def _hits(
        self, index: Searchable, found: Sequence[TermHit], cosines: Sequence[float | None]
    ) -> list[Hit]:
        rows = [term_hit.row for term_hit in found]
        hits = [
            Hit(
                passage=passage,
                retriever=self.name,
                score=term_hit.score,
                rank=0,
                similarity=cosine,
                why=f"shares {', '.join(term_hit.terms)}",
            )
            for passage, term_hit, cosine in zip(index.passages(rows), found, cosines, strict=True)
        ]
        return ranked(hits, self.k)


def _cosines(
    queries: Sequence[Query], index: Searchable, rows: Sequence[Sequence[int]]
) -> list[Sequence[float | None]]:
    """Return the cosine of each query and each passage in its rows; None where there is none."""
    try:
        asked = asked_of(queries, index)
        return [
            similarities(query, index, found) if query.embedded else [None] * len(found)
            for query, found in zip(asked, rows, strict=True)
        ]
    except OURS:
        raise
    except Exception as exc:  # noqa: BLE001  # whatever an embedder or a broken file may raise
        told(queries, "dense", f"no cosines in {index.name}: {type(exc).__name__}", exc)
        return [[None] * len(found) for found in rows]
