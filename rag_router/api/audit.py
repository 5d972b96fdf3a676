"""GET /v1/audit: who did what, for administrators."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from rag_router.api.lists import Cursor, Limit, Listing, at
from rag_router.api.principal import Who
from rag_router.api.problems import PROBLEMS
from rag_router.api.service import Served
from rag_router.errors import ForbiddenError
from rag_router.store.audit import Outcome, audit_lines
from rag_router.store.service_tables import AuditRow

__all__ = ["AuditLine", "audit_line", "router"]

router = APIRouter(tags=["audit"])

_EXAMPLE: Final[dict[str, Any]] = {
    "number": 4711,
    "at": "2026-11-22T16:05:00Z",
    "tenant": "default",
    "key": "0a1b2c3d4e5f6071",
    "action": "DELETE /v1/documents/{id}",
    "target": "doc_5d0f4d4b8a6c2f5e7d9a1b3c0b9f6c1e",
    "outcome": "done",
    "status": 202,
    "request_id": "5f1c6f0e4b8a4f3e9d2c7b6a5e4d3c2b",
    "words": None,
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}


class AuditLine(BaseModel):
    """Something that somebody did.

    `words` are what they wrote or are called by, where that is kept and was not erased; `hash`
    stands for this line and all before it.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    number: int
    at: datetime
    tenant: str
    key: str
    action: str
    target: str
    outcome: Outcome
    status: int
    request_id: str
    words: dict[str, Any] | None
    hash: str


@router.get("/v1/audit", responses=PROBLEMS)
def show_all(
    service: Served,
    who: Who,
    *,
    tenant: Annotated[
        str | None,
        Query(max_length=64, description="Whose doing; of the default tenant's admins anybody's."),
    ] = None,
    since: Annotated[datetime | None, Query(description="From then on.")] = None,
    until: Annotated[datetime | None, Query(description="Before then.")] = None,
    action: Annotated[str | None, Query(max_length=128, description="A part of it.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[AuditLine]:
    """List what was done, the newest first."""
    if tenant is not None and not who.oversees(tenant):
        raise ForbiddenError(
            "what another tenant did is not told.", hint="Leave `tenant` out, or name your own."
        )
    with service.resources.database.reading() as session:
        page = audit_lines(
            session,
            limit=limit,
            cursor=cursor,
            tenant=tenant or who.overseen,
            since=_seconds(since),
            until=_seconds(until),
            action=action,
        )
    return Listing(items=[audit_line(row) for row in page.rows], next=page.next)


def audit_line(row: AuditRow) -> AuditLine:
    """A line as it is shown; the salt of its words is nobody's business."""
    words = None if row.words is None else {k: v for k, v in row.words.items() if k != "salt"}
    return AuditLine.model_validate(
        {
            "number": row.number,
            "at": at(row.at),
            "tenant": row.tenant,
            "key": row.key,
            "action": row.action,
            "target": row.target,
            "outcome": row.outcome,
            "status": row.status,
            "request_id": row.request,
            "words": words,
            "hash": row.hash,
        }
    )


def _seconds(when: datetime | None) -> float | None:
    if when is None:
        return None
    # What names no zone is told in UTC, as everything here is.
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
