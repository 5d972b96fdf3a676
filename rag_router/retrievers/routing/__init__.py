"""Routers among retrieval experts: which of several corpora holds what answers a question?"""

from rag_router.registry import Registry
from rag_router.retrievers.routing.base import Router, RoutingRetriever

__all__ = ["ROUTERS", "Router", "RoutingRetriever"]

ROUTERS: Registry[Router] = Registry(
    "router",
    {
        "all": "rag_router.retrievers.routing.everywhere:EverywhereRouter",
        "combined": "rag_router.retrievers.routing.combined:CombinedRouter",
        "linear": "rag_router.retrievers.routing.linear:LinearRouter",
        "neighbours": "rag_router.retrievers.routing.neighbours:NeighboursRouter",
        "oracle": "rag_router.retrievers.routing.oracle:OracleRouter",
        "outcome": "rag_router.retrievers.routing.outcome:OutcomeRouter",
        "pilots": "rag_router.retrievers.routing.pilots:PilotsRouter",
        "pilots_released": "rag_router.retrievers.routing.pilots_released:ReleasedPilotsRouter",
    },
)
