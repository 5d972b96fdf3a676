"""/v1/traces: answers as they were given, for as long as they are kept."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from rag_router.api.lists import Cursor, Limit, Listing, at
from rag_router.api.problems import PROBLEMS
from rag_router.api.service import Served, Tenant
from rag_router.store.hindsight import Hindsight, traces_in_hindsight
from rag_router.store.service_tables import TraceRow
from rag_router.store.traces import Redaction, remove_trace, trace, traces
from rag_router.types import Reason

__all__ = ["router"]

router = APIRouter(tags=["traces"])

_ANSWER: Final[dict[str, Any]] = {
    "id": "1",
    "question": "How often is the Larkspur valve calibrated?",
    "answer": "every 90 days",
    "abstained": False,
    "reason": "contextual",
    "confidence": 0.83,
}
_EXAMPLE: Final[dict[str, Any]] = {
    "id": "trace_2f5e7d9a1b3c0b9f6c1e5d0f4d4b8a6c",
    "created_at": "2026-11-22T16:00:00Z",
    "request_id": "5f1c6f0e4b8a4f3e9d2c7b6a5e4d3c2b",
    "reason": "contextual",
    "abstained": False,
    "confidence": 0.83,
    "kept": "full",
    "key": "5f1c6f0e4b8a4f3e",
    "user": "",
    "answer": _ANSWER,
}


_HINDSIGHT: Final = (
    "Only answers of which this has shown: that the gate was `too_sure` (memory was wrong, by what "
    "people said), or `too_unsure` (memory had it right), or that looking up left memory's answer "
    "`unchanged`; of the newest 2,000 that come in question."
)


class TraceLine(BaseModel):
    """One answer, shortly. `question` is null where no text is kept."""

    id: str
    created_at: datetime
    request_id: str
    question: str | None
    reason: Reason
    abstained: bool
    confidence: float


class Trace(BaseModel):
    """An answer as it was given: gate, route, passages, conflict, costs and timings.

    `kept` says how much of its text was: `full`, `no_passages` or `no_text`. `key` is the id of the
    key that it was asked for with, and `user` whom a frontend asked for; either may be empty.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    created_at: datetime
    request_id: str
    reason: Reason
    abstained: bool
    confidence: float
    kept: Redaction
    key: str
    user: str
    answer: dict[str, Any] = Field(description="As POST /v1/answer gives it.")


@router.get("/v1/traces", responses=PROBLEMS)
def show_all(
    service: Served,
    tenant: Tenant,
    *,
    reason: Reason | None = None,
    abstained: bool | None = None,
    hindsight: Annotated[Hindsight | None, Query(description=_HINDSIGHT)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[TraceLine]:
    """List answers that were given, the newest first."""
    look = traces if hindsight is None else partial(traces_in_hindsight, wanted=hindsight)
    with service.resources.database.reading() as session:
        page = look(session, tenant, limit=limit, cursor=cursor, reason=reason, abstained=abstained)
    return Listing(items=[_line(row) for row in page.rows], next=page.next)


@router.get("/v1/traces/{id}", responses=PROBLEMS)
def show(id: str, service: Served, tenant: Tenant) -> Trace:
    """Show how an answer came about; its id is the answer's `trace`."""
    with service.resources.database.reading() as session:
        row = trace(session, tenant, id)
    return Trace.model_validate(
        _common(row) | {"kept": row.kept, "key": row.key, "user": row.user, "answer": row.answer}
    )


@router.delete("/v1/traces/{id}", status_code=204, responses=PROBLEMS)
def remove(id: str, service: Served, tenant: Tenant) -> None:
    """Forget an answer; what was said of it stays."""
    with service.resources.database.writing() as session:
        remove_trace(session, tenant, id)


def _line(row: TraceRow) -> TraceLine:
    return TraceLine.model_validate(_common(row) | {"question": row.answer.get("question")})


def _common(row: TraceRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "created_at": at(row.created),
        "request_id": row.request,
        "reason": row.reason,
        "abstained": row.abstained,
        "confidence": row.confidence,
    }
