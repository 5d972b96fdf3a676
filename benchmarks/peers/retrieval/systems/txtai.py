"""txtai's embeddings database: keywords alone, vectors alone, and both at its own weights."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.peers.retrieval.systems import Given, Text

LIBRARIES = ("txtai", "transformers", "torch", "faiss-cpu", "numpy")


class Txtai:
    """An `Embeddings` with the given settings and otherwise all defaults."""

    def __init__(self, **settings: object) -> None:
        from txtai import Embeddings

        self.engine = Embeddings(**settings)

    def index(self, documents: Sequence[Text]) -> None:
        self.engine.index([(document.id, document.text, None) for document in documents])

    def search(self, query: str, k: int) -> list[str]:
        return [id_ for id_, _ in self.engine.search(query, k)]


def _keyword(given: Given) -> Txtai:
    """BM25 over Unicode words in lower case, no stop words."""
    return Txtai(keyword=True)


def _dense(given: Given) -> Txtai:
    """Cosine; of each document the first 512 tokens."""
    return Txtai(path=str(given.embedder))


def _hybrid(given: Given) -> Txtai:
    """Keyword and dense scores, half and half."""
    return Txtai(path=str(given.embedder), hybrid=True)


VARIANTS = {"keyword": _keyword, "dense": _dense, "hybrid": _hybrid}
