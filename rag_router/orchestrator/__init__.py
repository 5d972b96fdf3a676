"""The stages in order: normalise, gate, retrieve, filter, policy, decode, judge, cite.

It knows the contracts of the rooms and none of their members, no HTTP and no files. Everything is
batched, and nothing of one question depends on another: an answer is the same alone, in a batch,
and in any order of the batch.
"""

from rag_router.orchestrator.ask import Ask
from rag_router.orchestrator.composition import Composition
from rag_router.orchestrator.orchestrator import Orchestrator
from rag_router.orchestrator.pooled import PooledOrchestrator
from rag_router.orchestrator.roster import Listed, roster

__all__ = ["Ask", "Composition", "Listed", "Orchestrator", "PooledOrchestrator", "roster"]
