"""Routers among generator experts: who should answer a question, and who if that one cannot?"""

from rag_router.experts.routing.base import Choice, ExpertRouter, Need, RoutingContext
from rag_router.registry import Registry

__all__ = ["EXPERT_ROUTERS", "Choice", "ExpertRouter", "Need", "RoutingContext"]

EXPERT_ROUTERS: Registry[ExpertRouter] = Registry(
    "expert_router",
    {
        "benchmark": "rag_router.experts.routing.benchmark:BenchmarkRouter",
        "benchmark_subject": "rag_router.experts.routing.benchmark_subject:SubjectRouter",
        "best_single": "rag_router.experts.routing.best_single:BestSingleRouter",
        "budgeted": "rag_router.experts.routing.budgeted:BudgetedRouter",
        "combined": "rag_router.experts.routing.combined:CombinedRouter",
        "domain": "rag_router.experts.routing.domain:DomainRouter",
        "item_response": "rag_router.experts.routing.item_response:ItemResponseRouter",
        "kernel": "rag_router.experts.routing.kernel:KernelRouter",
        "linear": "rag_router.experts.routing.linear:LinearRouter",
        "neighbours": "rag_router.experts.routing.neighbours:NeighboursRouter",
        "oracle": "rag_router.experts.routing.oracle:OracleRouter",
        "random": "rag_router.experts.routing.random:RandomRouter",
        "self_knowledge": "rag_router.experts.routing.self_knowledge:SelfKnowledgeRouter",
        "self_knowledge_stacked": "rag_router.experts.routing.stacked:StackedRouter",
    },
)
