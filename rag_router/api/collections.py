"""/v1/collections: what documents are put into, and answers are looked up in."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from rag_router.api.idempotency import Key, do_once, fingerprint
from rag_router.api.lists import Cursor, Limit, Listing, at
from rag_router.api.problems import PROBLEMS
from rag_router.api.resources import Resources
from rag_router.api.service import Served, Tenant
from rag_router.errors import IndexUnavailableError, UnknownNameError
from rag_router.store.collections import add_collection, collection, collections
from rag_router.store.service_tables import CollectionRow

__all__ = ["router"]

router = APIRouter(tags=["collections"])

_EXAMPLE: Final[dict[str, Any]] = {
    "name": "handbook",
    "about": "How things are done here.",
    "created_at": "2026-11-22T16:00:00Z",
    "documents": 12,
    "passages": 431,
    "generation": 3,
    "problem": "",
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


class Collection(BaseModel):
    """A collection, and what stands in it now.

    `documents` are those of its index: a file of many lines may hold many. `problem` says why it
    cannot be searched, and is empty where it can.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: str
    about: str
    created_at: datetime
    documents: int
    passages: int
    generation: int
    problem: str


@router.post("/v1/collections", status_code=201, response_model=Collection, responses=PROBLEMS)
def create(
    body: NewCollection, request: Request, service: Served, tenant: Tenant, key: Key = None
) -> JSONResponse:
    """Make a collection; there is nothing in it yet."""
    resources = service.resources
    resources.adopt()

    def do(session: Session) -> tuple[int, Collection]:
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
    return Listing(items=[_shown(row, resources) for row in page.rows], next=page.next)


@router.get("/v1/collections/{name}", responses=PROBLEMS)
def show(name: str, service: Served, tenant: Tenant) -> Collection:
    """Show one collection."""
    resources = service.resources
    resources.adopt()
    with resources.database.reading() as session:
        return _shown(collection(session, tenant, name), resources)


def _shown(row: CollectionRow, resources: Resources) -> Collection:
    documents = passages = generation = 0
    problem = ""
    try:
        manifest = resources.library.manifest(row.index_name)
        documents, passages = manifest.documents, manifest.passages
        generation = manifest.generation
    except UnknownNameError:
        pass  # nothing has been put into it yet
    except IndexUnavailableError as exc:
        problem = exc.message
    return Collection(
        name=row.name,
        about=row.about,
        created_at=at(row.created),
        documents=documents,
        passages=passages,
        generation=generation,
        problem=problem,
    )
