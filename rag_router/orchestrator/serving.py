"""The short cut: a question that was answered before is given the answer it was given then.

What is near enough to be given without reading, and how likely it is right, is said by whoever
found it (see `rag_router.indices.qa_memory`). It is read like any other passage where the gate
searched for something else than the question, where its source is not fully trusted, where
another answer is as near, and where it is less likely right than the policy asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag_router.filters import cite
from rag_router.orchestrator.work import Batch, Work
from rag_router.scoring import normalise
from rag_router.types import Evidence, Judged, Recalled

__all__ = ["serve_recalled"]

_GIVEN = "asked before: its answer is given as it is"
_UNREAD = "not read: the question was answered before"


def serve_recalled(work: Sequence[Work], batch: Batch) -> list[Work]:
    """Answer what was answered before; returns those that are still to be answered."""
    for one in work:
        best = _to_serve(one, batch)
        if best is not None:
            _serve(one, *best)
    return [one for one in work if one.recalled is None]


def _to_serve(one: Work, batch: Batch) -> tuple[Judged, Recalled] | None:
    """Return the pair whose answer is to be given, if there is one."""
    # What answers a part of a question, or the question put otherwise, need not answer it.
    if one.queries:
        return None
    near = [(j, j.hit.recalled) for j in one.evidence.judged if j.hit.recalled is not None]
    if not near or len({normalise(recalled.answer) for _, recalled in near}) > 1:
        return None
    judged, recalled = max(near, key=lambda pair: (pair[1].p_right, -pair[0].hit.rank))
    if batch.trust.get(judged.hit.passage.index, 1.0) < 1.0:
        return None
    # A figure that is not calibrated decides nothing.
    least = batch.parts.policy.min_confidence if recalled.calibrated else 0.0
    return (judged, recalled) if recalled.p_right >= least else None


def _serve(one: Work, best: Judged, recalled: Recalled) -> None:
    given = replace(best, support=recalled.p_right, why=_GIVEN)
    one.evidence = Evidence(
        judged=tuple(
            given if judged is best else replace(judged, kept=False, why=_UNREAD)
            for judged in one.evidence.judged
        ),
        support=recalled.p_right,
    )
    one.recalled, one.plan, one.confidence = recalled, "contextual", recalled.p_right
    one.citations = cite(recalled.answer, [given], question=one.question.text)
    passage = best.hit.passage
    one.note("decode", f"nothing was read: {passage.index} {passage.id} was asked before")
    if not recalled.calibrated:
        one.note("decode", f"confidence of answers of {passage.index} is not calibrated")
