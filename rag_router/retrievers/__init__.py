"""Retrievers: what finds passages in indices."""

from rag_router.registry import Registry
from rag_router.retrievers.base import Query, Retriever, Searchable, make_queries

__all__ = ["RETRIEVERS", "Query", "Retriever", "Searchable", "make_queries"]

RETRIEVERS: Registry[Retriever] = Registry(
    "retriever",
    {
        "dense": "rag_router.retrievers.dense:DenseRetriever",
        "fused": "rag_router.retrievers.fused:FusedRetriever",
        "sparse": "rag_router.retrievers.sparse:SparseRetriever",
    },
)
