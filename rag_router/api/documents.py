"""/v1/documents: uploading, watching, listing, replacing and removing them.

A document that was acknowledged lies on the disk, and the job to index it stands in the database;
both were written before the answer was sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from rag_router.api.document_bodies import FORMS, Arrived, arriving
from rag_router.api.guards.audit_trail import made
from rag_router.api.guards.guards import allowance_of
from rag_router.api.guards.jobs import check_room_for_job
from rag_router.api.idempotency import Key, do_once, fingerprint
from rag_router.api.jobs import Job, shown_job
from rag_router.api.lists import Cursor, Limit, Listing, at
from rag_router.api.metadata import meets
from rag_router.api.problems import PROBLEMS
from rag_router.api.resources import Resources
from rag_router.api.service import Served, Service, Tenant
from rag_router.artefacts import identity_of
from rag_router.errors import UnknownKindError, UsageError
from rag_router.indices.walking import kind_of
from rag_router.indices.where import Where
from rag_router.store.collections import adopt_indexes, collection
from rag_router.store.jobs import add_job
from rag_router.store.service_tables import UploadRow
from rag_router.store.uploads import (
    File,
    UploadState,
    add_upload,
    replace_upload,
    upload,
    uploads,
    withdraw,
)

__all__ = ["router"]

router = APIRouter(tags=["documents"])

_EXAMPLE: Final[dict[str, Any]] = {
    "id": "doc_5d0f4d4b8a6c2f5e7d9a1b3c0b9f6c1e",
    "collection": "handbook",
    "name": "valves.md",
    "state": "indexed",
    "version": 1,
    "bytes": 61,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "metadata": {"topic": "valves", "year": 2026},
    "index_ids": ["valves.md"],
    "passages": 1,
    "problem": "",
    "hint": "",
    "notes": [],
    "created_at": "2026-11-22T16:00:00Z",
    "changed_at": "2026-11-22T16:00:02Z",
}


class Document(BaseModel):
    """A document that was uploaded.

    `state` is `waiting`, `indexed`, `failed` (`problem` and `hint` say why) or `removing`. Until a
    new version is indexed, and where it fails, the one before is found. `index_ids` are the
    documents of the index that it made: passages of answers are called after them. `notes` say
    what of it was left out: hidden characters, pages, members of an archive.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    collection: str
    name: str
    state: UploadState
    version: int
    bytes: int
    sha256: str
    metadata: dict[str, Any]
    index_ids: list[str]
    passages: int
    problem: str
    hint: str
    notes: list[str]
    created_at: datetime
    changed_at: datetime


class Accepted(BaseModel):
    """A document as it is now, and the job that does something to it."""

    document: Document
    job: Job


@router.post(
    "/v1/documents",
    status_code=202,
    response_model=Accepted,
    responses=PROBLEMS,
    openapi_extra=FORMS,
)
async def create(
    request: Request, service: Served, tenant: Tenant, key: Key = None
) -> JSONResponse:
    """Upload a document, as a file or as a text; a job indexes it.

    It is safe once the answer has come: whatever happens to the service, it will be indexed.
    """

    def do(session: Session, file: File) -> UploadRow:
        if arrived.collection is None:
            raise UsageError("`collection` is missing.", hint="Say where to put the document.")
        now = service.resources.clock()
        adopt_indexes(session, service.resources.library.names(), now=now)
        into = collection(session, tenant, arrived.collection)
        return add_upload(session, tenant, into.name, arrived.name or "", file, now=now)

    async with arriving(request) as arrived:
        if not arrived.name:
            raise UsageError("`name` is missing.", hint="Give the document a name.")
        asked = _Asked(request=request, tenant=tenant, key=key, arrived=arrived, name=arrived.name)
        return await run_in_threadpool(_take, service, asked, do)


@router.put(
    "/v1/documents/{id}",
    status_code=202,
    response_model=Accepted,
    responses=PROBLEMS,
    openapi_extra=FORMS,
)
async def replace(
    id: str, request: Request, service: Served, tenant: Tenant, key: Key = None
) -> JSONResponse:
    """Upload a new version of a document, in the place of the one that is there.

    It keeps its name and its collection; metadata are those of the new version.
    """

    def do(session: Session, file: File) -> UploadRow:
        row = upload(session, tenant, id)
        replace_upload(row, file, now=service.resources.clock())
        return row

    async with arriving(request) as arrived:
        row = await run_in_threadpool(_found, service.resources, tenant, id)
        if arrived.collection not in (None, row.collection):
            raise UsageError(
                f"document {id} stands in {row.collection!r}.",
                hint="Upload it into the other collection, and remove it here.",
            )
        if arrived.name and kind_of(PurePath(arrived.name)) != kind_of(PurePath(row.name)):
            raise UnknownKindError(
                f"{row.name!r} cannot be replaced by a file of another kind.",
                hint="Upload it as a new document, and remove this one.",
            )
        asked = _Asked(request=request, tenant=tenant, key=key, arrived=arrived, name=row.name)
        return await run_in_threadpool(_take, service, asked, do)


@router.get("/v1/documents", responses=PROBLEMS)
def show_all(
    service: Served,
    tenant: Tenant,
    *,
    collection: Annotated[str | None, Query(max_length=64)] = None,
    state: UploadState | None = None,
    where: Annotated[
        list[str] | None,
        Query(
            max_length=20,
            description="Only those whose metadata is so: FIELD=VALUE, !=, >, >=, <, <= or "
            "'FIELD in A,B'; may be given several times, and all must hold.",
            examples=[["topic=valves", "year>=2026"]],
        ),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[Document]:
    """List documents, the newest first."""
    wanted = Where.written(where or ())
    with service.resources.database.reading() as session:
        page = uploads(
            session,
            tenant,
            limit=limit,
            cursor=cursor,
            collection=collection,
            state=state,
            shown=lambda row: meets(row.meta, wanted),
        )
    return Listing(items=[_shown(row) for row in page.rows], next=page.next)


@router.get("/v1/documents/{id}", responses=PROBLEMS)
def show(id: str, service: Served, tenant: Tenant) -> Document:
    """Show one document, and what became of it."""
    return _shown(_found(service.resources, tenant, id))


@router.delete("/v1/documents/{id}", status_code=202, response_model=Accepted, responses=PROBLEMS)
def remove(
    id: str, request: Request, service: Served, tenant: Tenant, key: Key = None
) -> JSONResponse:
    """Remove a document; a job erases it, so that nothing of it is left in the index."""
    resources = service.resources

    def do(session: Session) -> tuple[int, Accepted]:
        row = upload(session, tenant, id)
        check_room_for_job(session, tenant, allowance_of(request).ingestion_jobs)
        withdraw(row, now=resources.clock())
        job = add_job(session, row, "remove", now=resources.clock())
        made(request, job.id)
        return 202, Accepted(document=_shown(row), job=shown_job(job))

    done = do_once(resources, tenant, key, fingerprint(request), do)
    service.index_soon()
    return done


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """An upload, and who sent it."""

    request: Request
    tenant: str
    key: str | None
    arrived: Arrived
    name: str

    def fingerprint(self, file: File) -> str:
        """Of what it asks for; a form is written anew each time, and its parts are not."""
        said = (self.arrived.collection or "", self.name, identity_of(self.arrived.metadata))
        return fingerprint(self.request, *said, file.sha256)


def _take(
    service: Service, asked: _Asked, note: Callable[[Session, File], UploadRow]
) -> JSONResponse:
    """Keep a file, then promise to index it, and only then say so."""
    resources, arrived = service.resources, asked.arrived
    allowance = allowance_of(asked.request)
    incoming = resources.uploads.receive(asked.name, arrived.pieces, most_mb=allowance.file_mb)
    file = File(bytes=incoming.bytes, sha256=incoming.sha256, meta=arrived.metadata)

    def do(session: Session) -> tuple[int, Accepted]:
        row = note(session, file)
        check_room_for_job(session, asked.tenant, allowance.ingestion_jobs)
        job = add_job(session, row, "put", now=resources.clock())
        accepted = Accepted(document=_shown(row), job=shown_job(job))
        made(asked.request, row.id, job.id)
        # Last of all: what fails before leaves nothing, and what fails behind is swept.
        resources.uploads.keep(incoming, job.id)
        return 202, accepted

    try:
        done = do_once(resources, asked.tenant, asked.key, asked.fingerprint(file), do)
    finally:
        resources.uploads.drop(incoming)
    service.index_soon()
    return done


def _found(resources: Resources, tenant: str, id_: str) -> UploadRow:
    with resources.database.reading() as session:
        return upload(session, tenant, id_)


def _shown(row: UploadRow) -> Document:
    return Document.model_validate(
        {
            "id": row.id,
            "collection": row.collection,
            "name": row.name,
            "state": row.state,
            "version": row.version,
            "bytes": row.bytes,
            "sha256": row.sha256,
            "metadata": row.meta,
            "index_ids": row.index_ids,
            "passages": row.passages,
            "problem": row.problem,
            "hint": row.hint,
            "notes": row.notes,
            "created_at": at(row.created),
            "changed_at": at(row.changed),
        }
    )
