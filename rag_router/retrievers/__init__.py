"""Retrievers: what finds passages in indices."""

from rag_router.registry import Registry
from rag_router.retrievers.base import Query, Retriever, Searchable, make_queries

__all__ = ["RETRIEVERS", "Query", "Retriever", "Searchable", "make_queries"]

RETRIEVERS: Registry[Retriever] = Registry(
    "retriever",
    {
        "dense": "rag_router.retrievers.dense:DenseRetriever",
        "fused": "rag_router.retrievers.fused:FusedRetriever",
        "fused_convex": "rag_router.retrievers.convex:ConvexRetriever",
        "granular": "rag_router.retrievers.granular:GranularRetriever",
        "langchain": "rag_router.retrievers.langchain:LangChainRetriever",
        "qa_memory": "rag_router.retrievers.qa_memory:QaMemoryRetriever",
        "reranked": "rag_router.retrievers.reranked:RerankedRetriever",
        "routed": "rag_router.retrievers.routed:RoutedRetriever",
        "scenario": "rag_router.retrievers.scenario:ScenarioRetriever",
        "sparse": "rag_router.retrievers.sparse:SparseRetriever",
    },
)
