"""Postings of up to a few ten thousand passages, with the statistics of rank-bm25.

Its `get_scores` is not used: it looks at every passage for every term, and gives `idf * delta`
also to passages that lack the term, which takes away the lower bound that is the point of BM25+.
For a passage that holds all terms of a query both scores are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rank_bm25 import BM25Plus

from rag_router.indices.postings import DELTA, K1, B, Postings

__all__ = ["postings_by_rank_bm25"]


def postings_by_rank_bm25(tokenised: Sequence[Sequence[str]]) -> Postings:
    """Return the postings of passages, each given by its terms; one at least has some."""
    bm25 = BM25Plus(tokenised, k1=K1, b=B, delta=DELTA)
    numbers = {term: number for number, term in enumerate(bm25.idf)}
    rows = np.repeat(np.arange(len(tokenised)), [len(counts) for counts in bm25.doc_freqs])
    terms = np.array([numbers[t] for counts in bm25.doc_freqs for t in counts], dtype=np.int64)
    tf = np.array([n for counts in bm25.doc_freqs for n in counts.values()], dtype=np.float64)
    lengths = np.asarray(bm25.doc_len, dtype=np.float64)
    norms = K1 * (1 - B + B * lengths / bm25.avgdl)
    idf = np.fromiter(bm25.idf.values(), dtype=np.float64)
    scores = idf[terms] * (DELTA + tf * (K1 + 1) / (norms[rows] + tf))
    order = np.argsort(terms, kind="stable")  # rows stay ascending within each term
    counts = np.bincount(terms, minlength=len(numbers))
    return Postings(
        size=len(tokenised),
        numbers=numbers,
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        rows=rows[order].astype(np.int32),
        scores=scores[order].astype(np.float32),
    )
