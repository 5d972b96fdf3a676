"""What people said of answers: kept for as long as the service, to learn from."""

from __future__ import annotations

from typing import Literal
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from rag_router.store.pages import Page, page_of
from rag_router.store.service_tables import FeedbackRow, TraceRow

__all__ = ["SaidOf", "add_feedback", "all_feedback", "feedback"]

SaidOf = Literal["right", "wrong"]


def add_feedback(
    session: Session,
    row: TraceRow,
    verdict: SaidOf,
    *,
    correct_answer: str = "",
    comment: str = "",
    now: float,
) -> FeedbackRow:
    """Keep what somebody said of an answer, with as much of it as its trace has kept."""
    made = FeedbackRow(
        id=f"fb_{uuid4().hex}",
        tenant=row.tenant,
        trace=row.id,
        verdict=verdict,
        correct_answer=correct_answer,
        comment=comment,
        question=row.answer.get("question") or "",
        answer=row.answer.get("answer") or "",
        reason=row.reason,
        created=now,
    )
    session.add(made)
    session.flush()
    return made


def feedback(
    session: Session,
    tenant: str,
    *,
    limit: int,
    cursor: str | None = None,
    verdict: SaidOf | None = None,
    trace: str | None = None,
) -> Page[FeedbackRow]:
    """Return a page of feedback, newest first.

    Raises:
        UsageError: the cursor is none of this list.
    """
    chosen = select(FeedbackRow).where(FeedbackRow.tenant == tenant)
    if verdict is not None:
        chosen = chosen.where(FeedbackRow.verdict == verdict)
    if trace is not None:
        chosen = chosen.where(FeedbackRow.trace == trace)
    return page_of(session, chosen, FeedbackRow.number, of="feedback", limit=limit, cursor=cursor)


def all_feedback(session: Session, tenant: str) -> list[FeedbackRow]:
    """Return all feedback that kept its question, oldest first."""
    chosen = select(FeedbackRow).where(FeedbackRow.tenant == tenant, FeedbackRow.question != "")
    return list(session.scalars(chosen.order_by(FeedbackRow.number)))
