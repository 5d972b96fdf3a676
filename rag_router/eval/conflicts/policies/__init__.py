"""Substitution policies: what is put in the place of the answer.

Longpre et al. 2021, arXiv 2109.05052, section 2: one policy a file, with the paper's definition.
"""

from rag_router.eval.conflicts.policies.base import Policy
from rag_router.registry import Registry

__all__ = ["POLICIES", "Policy"]

POLICIES: Registry[Policy] = Registry(
    "substitution",
    {
        "alias": "rag_router.eval.conflicts.policies.alias:AliasPolicy",
        "corpus": "rag_router.eval.conflicts.policies.corpus:CorpusPolicy",
        "popularity": "rag_router.eval.conflicts.policies.popularity:PopularityPolicy",
        "type-swap": "rag_router.eval.conflicts.policies.type_swap:TypeSwapPolicy",
    },
)
