"""/v1/erasures: documents and tenants, erased wherever they are, for administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from rag_router.api.erasing import plan_of_document, plan_of_indexed, plan_of_tenant
from rag_router.api.erasing.planning import Plan
from rag_router.api.guards.audit_trail import made
from rag_router.api.lists import Listing, at
from rag_router.api.principal import Principal, Who
from rag_router.api.problems import PROBLEMS
from rag_router.api.resources import Resources
from rag_router.api.service import Served
from rag_router.errors import ForbiddenError, UnknownNameError, UsageError
from rag_router.store.erasures import ErasureKind, erasure, erasures
from rag_router.store.service_tables import ErasureRow, UploadRow

__all__ = ["Erasure", "erasure_of", "planned", "router"]

router = APIRouter(tags=["erasures"])

_DOCUMENT: Final = "doc_5d0f4d4b8a6c2f5e7d9a1b3c0b9f6c1e"
_EXAMPLE: Final[dict[str, Any]] = {
    "id": "erasure_1b3c0b9f6c1e5d0f4d4b8a6c2f5e7d9a",
    "kind": "document",
    "tenant": "default",
    "target": _DOCUMENT,
    "state": "done",
    "found": {},
    "report": [{"step": "indexes", "documents": 1, "generations": 2, "indexes": 0}],
    "problem": "",
    "created_at": "2026-11-22T16:05:00Z",
    "ended_at": "2026-11-22T16:05:02Z",
}


_PLANNED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "What would go, with `dry_run`"}
}


class ToErase(BaseModel):
    """A document, by its id; or a tenant, by its name, which is given twice."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"document": _DOCUMENT, "dry_run": True}]},
    )

    document: str | None = Field(None, max_length=1000, pattern=r"^[^\x00]*$")
    collection: str | None = Field(
        None,
        max_length=64,
        description="Where it stands or stood: `document` is then its id in the index, of one that "
        "was never uploaded, or was removed already.",
    )
    tenant: str | None = Field(None, max_length=64)
    confirm: str | None = Field(None, max_length=64, description="The tenant's name again.")
    dry_run: bool = Field(False, description="Only tell what would go.")


class Erasure(BaseModel):
    """Something that is erased wherever it is.

    `state` is `planned` where nothing was begun, `open` until everything was found and deleted,
    `scrubbing` while the database is written anew, and `done`. `found` is what a plan has found,
    `report` what each step has erased, and `problem` why it is not done yet.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str | None
    kind: ErasureKind
    tenant: str
    target: str
    state: Literal["planned", "open", "scrubbing", "done"]
    found: dict[str, int] = {}
    report: list[dict[str, Any]] = []
    problem: str = ""
    created_at: datetime | None = None
    ended_at: datetime | None = None


@router.post("/v1/erasures", status_code=202, responses=PROBLEMS | _PLANNED)
def create(
    body: ToErase, request: Request, response: Response, service: Served, who: Who
) -> Erasure:
    """Erase a document or a tenant: indexes, older generations, backups, traces, all of it."""
    resources = service.resources
    if (body.document is None) == (body.tenant is None):
        raise UsageError("give either `document` or `tenant`.")
    if body.collection is not None and body.document is None:
        raise UsageError("`collection` says where a `document` stands, and there is none.")
    if body.tenant is not None and body.confirm != body.tenant and not body.dry_run:
        raise UsageError(
            "`confirm` is not the tenant's name.",
            hint="Give it twice: nothing of what is erased can be brought back.",
        )
    if body.dry_run:
        response.status_code = 200
        with resources.database.reading() as session:
            return planned(_plan(session, resources, body, who), session)
    with resources.database.writing() as session:
        row = _plan(session, resources, body, who).note(session, now=resources.clock())
    made(request, row.id)
    service.index_soon()
    return erasure_of(row)


@router.get("/v1/erasures", responses=PROBLEMS)
def show_all(
    service: Served, who: Who, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Listing[Erasure]:
    """List erasures, the newest first."""
    with service.resources.database.reading() as session:
        rows = erasures(session, who.overseen, limit=limit)
    return Listing(items=[erasure_of(row) for row in rows], next=None)


@router.get("/v1/erasures/{id}", responses=PROBLEMS)
def show(id: str, service: Served, who: Who) -> Erasure:
    """Show how far an erasure has come."""
    with service.resources.database.reading() as session:
        return erasure_of(erasure(session, id, who.overseen))


def planned(plan: Plan, session: Session) -> Erasure:
    """Show what would be erased."""
    return Erasure(
        id=None,
        kind=plan.kind,
        tenant=plan.tenant,
        target=plan.target,
        state="planned",
        found=plan.counts(session),
    )


def erasure_of(row: ErasureRow) -> Erasure:
    """Show an erasure."""
    return Erasure.model_validate(
        {
            "id": row.id,
            "kind": row.kind,
            "tenant": row.tenant,
            "target": row.target,
            "state": row.state,
            "report": row.report,
            "problem": row.problem,
            "created_at": at(row.created),
            "ended_at": None if row.ended is None else at(row.ended),
        }
    )


def _plan(session: Session, resources: Resources, body: ToErase, who: Principal) -> Plan:
    if body.tenant is not None:
        if not who.oversees(body.tenant):
            raise ForbiddenError(
                "another tenant is not yours to erase.",
                hint="Administrators of the default tenant may.",
            )
        return plan_of_tenant(session, body.tenant)
    id_ = body.document or ""
    if body.collection is not None:
        return plan_of_indexed(session, resources.library, who.tenant, body.collection, [id_])
    tenant = session.scalar(select(UploadRow.tenant).where(UploadRow.id == id_))
    if tenant is None or not who.oversees(tenant):
        raise UnknownNameError("document", id_, (), hint="List them: GET /v1/documents.")
    return plan_of_document(session, resources.library, tenant, id_)
