"""Fusion of experts: several of them, one answer. One published method per file.

Token fusions make one next-token distribution of several, and ask for one vocabulary; answer
fusions make one answer of several, and ask for nothing.
"""

from rag_router.experts.fusion.base import (
    AnswerFusion,
    Costs,
    Fused,
    TokenFusion,
    Voices,
)
from rag_router.registry import Registry

__all__ = ["FUSIONS", "AnswerFusion", "Costs", "Fused", "TokenFusion", "Voices"]

FUSIONS: Registry[AnswerFusion | TokenFusion] = Registry(
    "fusion",
    {
        "frugal": "rag_router.experts.fusion.frugal:FrugalFusion",
        "logits_fusion": "rag_router.experts.fusion.logits_fusion:LogitsFusion",
        "mixture": "rag_router.experts.fusion.mixture:MixtureFusion",
        "product": "rag_router.experts.fusion.product:ProductFusion",
        "vote": "rag_router.experts.fusion.vote:VoteFusion",
    },
)
