"""Our own retrievers with default settings, over an index that our library builds.

Every index of ours holds vectors, and so every variant embeds the corpus; passages are cut as
`rag-router index add` cuts them. `sparse` is timed without the embedding of the query, which a
pipeline does once for all its retrievers, and which the order of the hits does not depend on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.peers.retrieval.systems import Given, Text

LIBRARIES = ("rag-router", "sentence-transformers", "torch", "faiss-cpu", "rank-bm25", "numpy")


class Ours:
    """A retriever of ours by its name."""

    def __init__(self, given: Given, name: str, *, embeds: bool = True) -> None:
        from rag_router.eval.retrieval import find_documents
        from rag_router.indices import Library
        from rag_router.models.embedder import load_embedder
        from rag_router.models.store import ModelStore
        from rag_router.retrievers import RETRIEVERS

        self.corpus, self.embeds, self.find = given.corpus, embeds, find_documents
        self.embedder = load_embedder(ModelStore().resolve(f"path:{given.embedder}"))
        self.retriever = RETRIEVERS.build(name)
        self.home = tempfile.TemporaryDirectory()
        self.library = Library(Path(self.home.name))

    def index(self, documents: Sequence[Text]) -> None:
        # The library reads the file itself, which is part of what it does.
        self.library.add("corpus", [self.corpus], self.embedder)
        self.opened = self.library.open("corpus", self.embedder)

    def search(self, query: str, k: int) -> list[str]:
        from rag_router.retrievers import Query, make_queries

        if self.embeds:
            asked = make_queries([query], self.embedder)
        else:
            asked = [Query(query, np.zeros(self.embedder.dimension, dtype=np.float32))]
        return self.find(self.retriever, asked, [self.opened], k=k)[0]


def _sparse(given: Given) -> Ours:
    """BM25+ over passages of 200 tokens, 49 stop words; query not embedded."""
    return Ours(given, "sparse", embeds=False)


def _dense(given: Given) -> Ours:
    """Cosine over passages of 200 tokens."""
    return Ours(given, "dense")


def _fused(given: Given) -> Ours:
    """Reciprocal ranks of both."""
    return Ours(given, "fused")


VARIANTS = {"sparse": _sparse, "dense": _dense, "fused": _fused}
