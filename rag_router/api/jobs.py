"""/v1/jobs: what the service has promised to do, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from rag_router.api.lists import Cursor, Limit, Listing, at
from rag_router.api.problems import PROBLEMS
from rag_router.api.service import Served, Tenant
from rag_router.store.jobs import JobKind, JobState, job, jobs
from rag_router.store.service_tables import JobRow

__all__ = ["Job", "router", "shown_job"]

router = APIRouter(tags=["documents"])

_EXAMPLE: Final[dict[str, Any]] = {
    "id": "job_0b9f6c1e5d0f4d4b8a6c2f5e7d9a1b3c",
    "kind": "put",
    "state": "done",
    "collection": "handbook",
    "document": "doc_5d0f4d4b8a6c2f5e7d9a1b3c0b9f6c1e",
    "name": "valves.md",
    "attempts": 1,
    "problem": "",
    "hint": "",
    "created_at": "2026-11-22T16:00:00Z",
    "begun_at": "2026-11-22T16:00:01Z",
    "ended_at": "2026-11-22T16:00:02Z",
}


class Job(BaseModel):
    """Something that is done to a document: `put` indexes it, `remove` erases it.

    `drop` removes a whole collection; `document` and `name` are empty then.

    `state` goes from `waiting` over `running` to `done` or `failed`, and then `problem` and `hint`
    say why. `attempts` is more than 1 where the service was killed meanwhile.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    kind: JobKind
    state: JobState
    collection: str
    document: str
    name: str
    attempts: int
    problem: str
    hint: str
    created_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None


@router.get("/v1/jobs", responses=PROBLEMS)
def show_all(
    service: Served,
    tenant: Tenant,
    *,
    state: JobState | None = None,
    document: Annotated[str | None, Query(max_length=64, description="Of this one.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[Job]:
    """List jobs, the newest first."""
    with service.resources.database.reading() as session:
        page = jobs(session, tenant, limit=limit, cursor=cursor, state=state, document=document)
    return Listing(items=[shown_job(row) for row in page.rows], next=page.next)


@router.get("/v1/jobs/{id}", responses=PROBLEMS)
def show(id: str, service: Served, tenant: Tenant) -> Job:
    """Show one job."""
    with service.resources.database.reading() as session:
        return shown_job(job(session, tenant, id))


def shown_job(row: JobRow) -> Job:
    """A job as it is sent."""
    return Job.model_validate(
        {
            "id": row.id,
            "kind": row.kind,
            "state": row.state,
            "collection": row.collection,
            "document": row.upload,
            "name": row.name,
            "attempts": row.attempts,
            "problem": row.problem,
            "hint": row.hint,
            "created_at": at(row.created),
            "begun_at": None if row.begun is None else at(row.begun),
            "ended_at": None if row.ended is None else at(row.ended),
        }
    )
