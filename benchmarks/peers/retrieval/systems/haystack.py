"""Haystack's store in memory: its BM25 retriever, and its retriever of embeddings."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.peers.retrieval.systems import Given, Text

LIBRARIES = (
    "haystack-ai",
    "sentence-transformers-haystack",
    "sentence-transformers",
    "torch",
    "numpy",
)


class Bm25:
    """BM25L over words in lower case, no stop words."""

    def __init__(self, given: Given) -> None:
        from haystack import Document
        from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore

        self.document = Document
        self.store = InMemoryDocumentStore()
        self.retriever = InMemoryBM25Retriever(self.store)

    def index(self, documents: Sequence[Text]) -> None:
        self.store.write_documents([self.document(id=d.id, content=d.text) for d in documents])

    def search(self, query: str, k: int) -> list[str]:
        return [found.id for found in self.retriever.run(query=query, top_k=k)["documents"]]


class Embedding:
    """Cosine; of each document the first 256 tokens."""

    def __init__(self, given: Given) -> None:
        from haystack import Document
        from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore
        from haystack_integrations.components.embedders import sentence_transformers as embedders

        options = {"model": str(given.embedder), "local_files_only": True, "progress_bar": False}
        self.document = Document
        self.documents = embedders.SentenceTransformersDocumentEmbedder(**options)
        self.queries = embedders.SentenceTransformersTextEmbedder(**options)
        self.documents.warm_up()
        self.queries.warm_up()
        self.store = InMemoryDocumentStore()
        self.retriever = InMemoryEmbeddingRetriever(self.store)

    def index(self, documents: Sequence[Text]) -> None:
        made = [self.document(id=d.id, content=d.text) for d in documents]
        self.store.write_documents(self.documents.run(made)["documents"])

    def search(self, query: str, k: int) -> list[str]:
        vector = self.queries.run(query)["embedding"]
        found = self.retriever.run(query_embedding=vector, top_k=k)
        return [document.id for document in found["documents"]]


VARIANTS = {"bm25": Bm25, "embedding": Embedding}
