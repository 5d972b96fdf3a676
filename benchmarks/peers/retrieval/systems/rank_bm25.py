"""rank-bm25 as its README uses it: words between white space, here in lower case."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.peers.retrieval.systems import Given, Text

LIBRARIES = ("rank-bm25", "numpy")


class RankBm25:
    """One of the library's classes with all defaults; it takes out no stop words."""

    def __init__(self, kind: str) -> None:
        import rank_bm25

        self.kind = getattr(rank_bm25, kind)

    def index(self, documents: Sequence[Text]) -> None:
        self.ids = [document.id for document in documents]
        self.engine = self.kind([document.text.lower().split() for document in documents])

    def search(self, query: str, k: int) -> list[str]:
        scores = self.engine.get_scores(query.lower().split())
        return [self.ids[row] for row in np.argsort(-scores, kind="stable")[:k]]


def _okapi(given: Given) -> RankBm25:
    """Okapi BM25; what stands between white space, in lower case."""
    return RankBm25("BM25Okapi")


def _plus(given: Given) -> RankBm25:
    """BM25+; what stands between white space, in lower case."""
    return RankBm25("BM25Plus")


VARIANTS = {"okapi": _okapi, "plus": _plus}
