"""Lexical search by BM25+ (Lv and Zhai 2011, doi 10.1145/2063576.2063584).

    score(q, d) = sum over terms t of q that stand in d:
                  idf(t) * (delta + tf * (k1 + 1) / (k1 * (1 - b + b * |d| / avgdl) + tf))
    idf(t) = ln((N + 1) / df(t)),  k1 = 1.5, b = 0.75, delta = 1

The statistics and parameters are those of rank-bm25. Its `get_scores` is not used: it looks at
every passage for every term, and gives `idf * delta` also to passages that lack the term, which
takes away the lower bound that is the point of BM25+. For a passage that holds all terms of a
query both scores are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Plus

from rag_router.indices.reach import Reach, reach_of
from rag_router.indices.terms import terms_of

__all__ = ["LexicalIndex", "TermHit"]


@dataclass(frozen=True, slots=True)
class TermHit:
    """A passage that shares terms with a query.

    Attributes:
        row: The passage's row.
        score: BM25+, above zero.
        terms: The shared terms, in the order of the query.
    """

    row: int
    score: float
    terms: tuple[str, ...]


class LexicalIndex:
    """Passages by the terms they hold; never changed once built.

    Args:
        texts: What to search; the place of a text is its row.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._size = len(texts)
        self._postings: dict[str, _Posting] = {}
        tokenised = [terms_of(text) for text in texts]
        # rank-bm25 divides by the number of passages and by their mean length.
        if any(tokenised):
            self._postings = _postings(BM25Plus(tokenised))

    def search(self, text: str, k: int) -> list[TermHit]:
        """Return the best `k` passages that share a term, ties in the order of the passages."""
        terms = terms_of(text)
        scores = np.zeros(self._size)
        for term in terms:
            if posting := self._postings.get(term):
                scores[posting.rows] += posting.scores
        return [
            TermHit(int(row), float(scores[row]), self._shared(terms, row))
            for row in _best(scores, k)
        ]

    def reach(self, text: str) -> Reach:
        """Tell how far the passages reach for a question, by term statistics alone."""
        terms = terms_of(text)
        rows = {t: self._postings[t].rows for t in terms if t in self._postings}
        return reach_of(terms, rows, self._size)

    def _shared(self, terms: Sequence[str], row: np.int64) -> tuple[str, ...]:
        found = (t for t in dict.fromkeys(terms) if t in self._postings)
        return tuple(term for term in found if self._postings[term].holds(row))


@dataclass(frozen=True, slots=True)
class _Posting:
    """The passages that hold one term, in ascending order, and what it adds to their scores."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]

    def holds(self, row: np.int64) -> bool:
        at = int(np.searchsorted(self.rows, row))
        return at < len(self.rows) and bool(self.rows[at] == row)


def _postings(bm25: BM25Plus) -> dict[str, _Posting]:
    lengths = np.asarray(bm25.doc_len, dtype=np.float64)
    norms = bm25.k1 * (1 - bm25.b + bm25.b * lengths / bm25.avgdl)
    occurrences: dict[str, tuple[list[int], list[int]]] = {}
    for row, frequencies in enumerate(bm25.doc_freqs):
        for term, count in frequencies.items():
            rows, counts = occurrences.setdefault(term, ([], []))
            rows.append(row)
            counts.append(count)
    postings = {}
    for term, (rows, counts) in occurrences.items():
        at = np.asarray(rows, dtype=np.int64)
        tf = np.asarray(counts, dtype=np.float64)
        saturated = tf * (bm25.k1 + 1) / (norms[at] + tf)
        postings[term] = _Posting(at, bm25.idf[term] * (bm25.delta + saturated))
    return postings


def _best(scores: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    found = np.flatnonzero(scores)
    if len(found) > k > 0:
        # Everything as good as the k-th stays, so that ties are broken by row and not by chance.
        bar = np.partition(scores[found], len(found) - k)[len(found) - k]
        found = found[scores[found] >= bar]
    order = np.lexsort((found, -scores[found]))
    return found[order][:k]
