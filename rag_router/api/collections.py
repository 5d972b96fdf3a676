"""/v1/collections: what documents are put into, and answers are looked up in."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from rag_router.api.guards.audit_trail import made as noted
from rag_router.api.idempotency import Key, do_once, fingerprint
from rag_router.api.jobs import Job, shown_job
from rag_router.api.lists import Cursor, Limit, Listing, at
from rag_router.api.principal import Who
from rag_router.api.problems import PROBLEMS
from rag_router.api.resources import Resources
from rag_router.api.service import Served, Tenant
from rag_router.errors import IndexUnavailableError, UnknownNameError
from rag_router.store.collections import (
    add_collection,
    collection,
    collections,
    share_collection,
    visible_collection,
)
from rag_router.store.dropping import drop_collection, dropped
from rag_router.store.service_tables import CollectionRow

__all__ = ["router"]

router = APIRouter(tags=["collections"])

_EXAMPLE: Final[dict[str, Any]] = {
    "name": "handbook",
    "about": "How things are done here.",
    "shared": False,
    "created_at": "2026-11-22T16:00:00Z",
    "documents": 12,
    "passages": 431,
    "generation": 3,
    "problem": "",
}


_DROP: Final[dict[str, Any]] = {
    "id": "job_1c9f6c1e5d0f4d4b8a6c2f5e7d9a1b3c",
    "kind": "drop",
    "state": "waiting",
    "collection": "handbook",
    "document": "",
    "name": "",
    "attempts": 0,
    "problem": "",
    "hint": "",
    "created_at": "2026-11-22T16:00:00Z",
    "begun_at": None,
    "ended_at": None,
}


class NewCollection(BaseModel):
    """A collection to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "handbook", "about": "How things are done here."}]
        },
    )

    name: str = Field(
        description="Up to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit."
    )
    about: str = Field("", max_length=2000, pattern=r"^[^\x00]*$")


class Change(BaseModel):
    """What is to be otherwise of a collection."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"shared": True}]})

    shared: bool = Field(description="Whether all tenants may look in it.")


class Collection(BaseModel):
    """A collection, and what stands in it now.

    `documents` are those of its index: a file of many lines may hold many. One that is `shared` is
    searched by all tenants. `problem` says why it cannot be searched, and is empty where it can.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: str
    about: str
    shared: bool
    created_at: datetime
    documents: int
    passages: int
    generation: int
    problem: str


class Dropped(BaseModel):
    """A collection that is being removed, and the job that does it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "collection": _EXAMPLE | {"problem": "it is being removed."},
                    "job": _DROP,
                }
            ]
        }
    )

    collection: Collection
    job: Job


@router.post("/v1/collections", status_code=201, response_model=Collection, responses=PROBLEMS)
def create(
    body: NewCollection, request: Request, service: Served, tenant: Tenant, key: Key = None
) -> JSONResponse:
    """Make a collection; there is nothing in it yet."""
    resources = service.resources
    resources.adopt()

    def do(session: Session) -> tuple[int, Collection]:
        noted(request, body.name)
        made = add_collection(session, tenant, body.name, about=body.about, now=resources.clock())
        return 201, _shown(made, resources)

    return do_once(resources, tenant, key, fingerprint(request, body.model_dump_json()), do)


@router.get("/v1/collections", responses=PROBLEMS)
def show_all(
    service: Served, tenant: Tenant, limit: Limit = 50, cursor: Cursor = None
) -> Listing[Collection]:
    """List collections, those that were made on the command line included."""
    resources = service.resources
    resources.adopt()
    with resources.database.reading() as session:
        page = collections(session, tenant, limit=limit, cursor=cursor)
        going = dropped(session, tenant)
    return Listing(
        items=[_shown(row, resources, goes=_goes(row, tenant, going)) for row in page.rows],
        next=page.next,
    )


@router.get("/v1/collections/{name}", responses=PROBLEMS)
def show(name: str, service: Served, tenant: Tenant) -> Collection:
    """Show one collection."""
    resources = service.resources
    resources.adopt()
    with resources.database.reading() as session:
        row = visible_collection(session, tenant, name)
        return _shown(row, resources, goes=_goes(row, tenant, dropped(session, tenant)))


@router.delete(
    "/v1/collections/{name}", status_code=202, response_model=Dropped, responses=PROBLEMS
)
def drop(
    name: str, request: Request, service: Served, tenant: Tenant, key: Key = None
) -> JSONResponse:
    """Remove a collection with its documents, its jobs and its index; a job does it.

    Nothing more is put into it. Asked for again while that job waits or runs, it is the same job;
    once it is done, there is no such collection.
    """
    resources = service.resources
    resources.adopt()

    def do(session: Session) -> tuple[int, Dropped]:
        row = collection(session, tenant, name)
        job = drop_collection(session, row, now=resources.clock())
        noted(request, job.id)
        return 202, Dropped(collection=_shown(row, resources, goes=True), job=shown_job(job))

    done = do_once(resources, tenant, key, fingerprint(request), do)
    service.index_soon()
    return done


@router.patch("/v1/collections/{name}", responses=PROBLEMS)
def change(name: str, body: Change, service: Served, who: Who) -> Collection:
    """Share a collection with all tenants, or do so no longer; for those who run the service."""
    resources = service.resources
    resources.adopt()
    with resources.database.writing() as session:
        row = collection(session, who.tenant, name)
        share_collection(row, body.shared)
        return _shown(row, resources)


def _goes(row: CollectionRow, tenant: str, going: frozenset[str]) -> bool:
    return row.tenant == tenant and row.name in going


def _shown(row: CollectionRow, resources: Resources, *, goes: bool = False) -> Collection:
    documents = passages = generation = 0
    problem = "it is being removed." if goes else ""
    try:
        manifest = resources.library.manifest(row.index_name)
        documents, passages = manifest.documents, manifest.passages
        generation = manifest.generation
    except UnknownNameError:
        pass  # nothing has been put into it yet
    except IndexUnavailableError as exc:
        problem = problem or exc.message
    return Collection(
        name=row.name,
        about=row.about,
        shared=row.shared,
        created_at=at(row.created),
        documents=documents,
        passages=passages,
        generation=generation,
        problem=problem,
    )
