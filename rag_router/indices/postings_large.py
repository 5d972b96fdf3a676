"""Postings of any number of passages, by bm25s (Lù 2024, arXiv 2407.03618).

bm25s keeps, for BM25+, what a term adds beyond what a passage without it gets, and gives that much
to every passage. Here it is added back where the term stands, and nowhere else: the scores are
those of `postings_small`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag_router.indices.postings import DELTA, K1, B, Postings

__all__ = ["postings_by_bm25s"]


def postings_by_bm25s(tokenised: Sequence[Sequence[str]]) -> Postings:
    """Return the postings of passages, each given by its terms; one at least has some."""
    from bm25s import BM25

    numbers: dict[str, int] = {}
    ids = [[numbers.setdefault(term, len(numbers)) for term in terms] for terms in tokenised]
    bm25 = BM25(k1=K1, b=B, delta=DELTA, method="bm25+")
    built = bm25.build_index_from_ids(list(range(len(numbers))), ids, show_progress=False)
    starts = np.asarray(built["indptr"], dtype=np.int64)
    lacking = np.repeat(np.asarray(bm25.nonoccurrence_array), np.diff(starts))
    return _ascending(
        Postings(
            size=len(tokenised),
            numbers=numbers,
            starts=starts,
            rows=np.asarray(built["indices"], dtype=np.int32),
            scores=np.asarray(built["data"] + lacking, dtype=np.float32),
        )
    )


def _ascending(postings: Postings) -> Postings:
    """Put the passages of each term in order, which bm25s does not promise."""
    terms = np.repeat(np.arange(len(postings.starts) - 1), np.diff(postings.starts))
    order = np.lexsort((postings.rows, terms))
    return Postings(
        size=postings.size,
        numbers=postings.numbers,
        starts=postings.starts,
        rows=postings.rows[order],
        scores=postings.scores[order],
    )
