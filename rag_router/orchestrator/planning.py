"""The fourth stage: memory, passages, both or nobody, before any passage is read."""

from __future__ import annotations

from collections.abc import Sequence

from rag_router.orchestrator.work import Batch, Work
from rag_router.policy import Plan

__all__ = ["in_time", "plan", "plan_without_passages"]


def plan(work: Sequence[Work], batch: Batch) -> None:
    """Let the policy choose who answers, from what the gate and the filters said."""
    for one in work:
        one.plan = batch.parts.policy.before(
            one.verdict, one.evidence.support, has_passages=bool(one.evidence.kept)
        )


def plan_without_passages(one: Work, batch: Batch) -> Plan:
    """Return the plan for a question whose passages will not be read after all."""
    return batch.parts.policy.before(one.verdict, None, has_passages=False)


def in_time(work: Sequence[Work], batch: Batch) -> list[Work]:
    """Return those that are to answer from passages; whoever is too late answers without."""
    reading = []
    for one in work:
        if one.plan not in ("contextual", "contrast"):
            continue
        deadline = batch.request.deadline_of(one.question)
        if deadline.passed():
            one.late, one.plan = True, plan_without_passages(one, batch)
            one.note("decode", f"{deadline} before the passages were read")
        else:
            reading.append(one)
    return reading
