"""/v1/feedback: what people say of answers, for `rag-router gate fit --from-feedback`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from rag_router.api.guards.audit_trail import made as noted
from rag_router.api.idempotency import Key, do_once, fingerprint
from rag_router.api.lists import Cursor, Limit, Listing, at
from rag_router.api.problems import PROBLEMS
from rag_router.api.service import Served, Tenant
from rag_router.store.feedback import SaidOf, add_feedback, feedback
from rag_router.store.service_tables import FeedbackRow
from rag_router.store.traces import trace

__all__ = ["router"]

router = APIRouter(tags=["feedback"])

_WORDS: Final = r"^[^\x00]*$"
_SAID: Final[dict[str, Any]] = {
    "trace": "trace_2f5e7d9a1b3c0b9f6c1e5d0f4d4b8a6c",
    "verdict": "wrong",
    "correct_answer": "every 60 days",
    "comment": "changed in October",
}


class Said(BaseModel):
    """What somebody says of an answer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_SAID]})

    trace: str = Field(max_length=64, description="The answer's `trace`.")
    verdict: SaidOf
    correct_answer: str = Field(
        "", max_length=2000, pattern=_WORDS, description="What would have been right, if known."
    )
    comment: str = Field("", max_length=4000, pattern=_WORDS)


class Feedback(BaseModel):
    """What somebody said of an answer.

    `teaches` is whether a gate can learn from it: of an answer whose text is not kept, nobody can.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _SAID
                | {
                    "id": "fb_9a1b3c0b9f6c1e5d0f4d4b8a6c2f5e7d",
                    "created_at": "2026-11-22T16:05:00Z",
                    "teaches": True,
                }
            ]
        }
    )

    id: str
    created_at: datetime
    trace: str
    verdict: SaidOf
    correct_answer: str
    comment: str
    teaches: bool


@router.post("/v1/feedback", status_code=201, response_model=Feedback, responses=PROBLEMS)
def create(
    body: Said, request: Request, service: Served, tenant: Tenant, key: Key = None
) -> JSONResponse:
    """Say whether an answer was right, and what would have been."""
    resources = service.resources

    def do(session: Session) -> tuple[int, Feedback]:
        made = add_feedback(
            session,
            trace(session, tenant, body.trace),
            body.verdict,
            correct_answer=resources.redactor.text(body.correct_answer.strip()),
            comment=resources.redactor.text(body.comment),
            now=resources.clock(),
        )
        noted(request, made.id)
        return 201, _shown(made)

    return do_once(resources, tenant, key, fingerprint(request, body.model_dump_json()), do)


@router.get("/v1/feedback", responses=PROBLEMS)
def show_all(
    service: Served,
    tenant: Tenant,
    *,
    verdict: SaidOf | None = None,
    trace: Annotated[str | None, Query(max_length=64, description="Of this answer.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[Feedback]:
    """List what was said, the newest first."""
    with service.resources.database.reading() as session:
        page = feedback(session, tenant, limit=limit, cursor=cursor, verdict=verdict, trace=trace)
    return Listing(items=[_shown(row) for row in page.rows], next=page.next)


def _shown(row: FeedbackRow) -> Feedback:
    return Feedback.model_validate(
        {
            "id": row.id,
            "created_at": at(row.created),
            "trace": row.trace,
            "verdict": row.verdict,
            "correct_answer": row.correct_answer,
            "comment": row.comment,
            "teaches": bool(row.question),
        }
    )
