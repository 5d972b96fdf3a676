"""The fourth stage: memory, passages, both or nobody, before any passage is read."""

from __future__ import annotations

from collections.abc import Sequence

from rag_router.orchestrator.work import Batch, Work
from rag_router.policy import Plan

__all__ = ["plan", "plan_without_passages"]


def plan(work: Sequence[Work], batch: Batch) -> None:
    """Let the policy choose who answers, from what the gate and the filters said."""
    for one in work:
        one.plan = batch.parts.policy.before(
            one.verdict, one.evidence.support, has_passages=bool(one.evidence.kept)
        )


def plan_without_passages(one: Work, batch: Batch) -> Plan:
    """Return the plan for a question whose passages will not be read after all."""
    return batch.parts.policy.before(one.verdict, None, has_passages=False)
