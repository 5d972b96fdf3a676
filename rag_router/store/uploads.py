"""Uploaded documents in the service's database: what each one is, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from rag_router.errors import ConflictError, UnknownNameError
from rag_router.store.dropping import check_not_dropped
from rag_router.store.pages import Page, page_of
from rag_router.store.service_tables import UploadRow

__all__ = ["File", "UploadState", "add_upload", "named_by_others", "replace_upload", "upload"]
__all__ += ["uploads", "withdraw"]

UploadState = Literal["waiting", "indexed", "failed", "removing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What somebody uploaded: its size, its hash, and what they said of it."""

    bytes: int
    sha256: str
    meta: Mapping[str, Any]


def add_upload(
    session: Session, tenant: str, collection: str, name: str, file: File, *, now: float
) -> UploadRow:
    """Note a new document, which waits to be indexed.

    Raises:
        ConflictError: the collection has a document of that name, or is being removed.
    """
    check_not_dropped(session, tenant, collection)
    before = session.scalar(
        select(UploadRow).where(
            UploadRow.tenant == tenant,
            UploadRow.collection == collection,
            UploadRow.name == name,
        )
    )
    if before is not None:
        raise ConflictError(
            f"there is a document named {name!r} in {collection!r} already.",
            hint=f"Replace it: PUT /v1/documents/{before.id}.",
        )
    made = UploadRow(
        id=f"doc_{uuid4().hex}",
        tenant=tenant,
        collection=collection,
        name=name,
        state="waiting",
        version=1,
        bytes=file.bytes,
        sha256=file.sha256,
        meta=dict(file.meta),
        index_ids=[],
        passages=0,
        problem="",
        hint="",
        notes=[],
        created=now,
        changed=now,
    )
    session.add(made)
    session.flush()
    return made


def replace_upload(row: UploadRow, file: File, *, now: float) -> None:
    """Note another version of a document; the one before is found until this one is indexed.

    Raises:
        ConflictError: the document is being removed.
    """
    if row.state == "removing":
        raise ConflictError(
            f"document {row.id} is being removed.", hint="Upload it as a new one afterwards."
        )
    row.version += 1
    row.state, row.problem, row.hint, row.changed = "waiting", "", "", now
    row.bytes, row.sha256, row.meta = file.bytes, file.sha256, dict(file.meta)


def withdraw(row: UploadRow, *, now: float) -> None:
    """Note that a document is to be removed.

    Raises:
        ConflictError: it is being removed already.
    """
    if row.state == "removing":
        raise ConflictError(
            f"document {row.id} is being removed already.", hint="Wait for its job."
        )
    row.state, row.problem, row.hint, row.changed = "removing", "", "", now
    # What an older version of it brings about says nothing of it any more.
    row.version += 1


def upload(session: Session, tenant: str, id_: str) -> UploadRow:
    """Return a document.

    Raises:
        UnknownNameError: there is none of that id.
    """
    found = session.scalar(select(UploadRow).where(UploadRow.tenant == tenant, UploadRow.id == id_))
    if found is None:
        raise UnknownNameError("document", id_, (), hint="List them: GET /v1/documents.")
    return found


def uploads(
    session: Session,
    tenant: str,
    *,
    limit: int,
    cursor: str | None = None,
    collection: str | None = None,
    state: UploadState | None = None,
    shown: Callable[[UploadRow], bool] = lambda row: True,
) -> Page[UploadRow]:
    """Return a page of documents, newest first.

    Args:
        session: Open.
        tenant: Whose.
        limit: Most of them.
        cursor: Where the page begins.
        collection: Only those of this one.
        state: Only those that are so.
        shown: Only those of which this is true.

    Raises:
        UsageError: the cursor is none of this list.
    """
    chosen = select(UploadRow).where(UploadRow.tenant == tenant)
    if collection is not None:
        chosen = chosen.where(UploadRow.collection == collection)
    if state is not None:
        chosen = chosen.where(UploadRow.state == state)
    return page_of(
        session,
        chosen,
        UploadRow.number,
        of="documents",
        limit=limit,
        cursor=cursor,
        shown=shown,
    )


def named_by_others(
    session: Session, tenant: str, collection: str, ids: Iterable[str], *, besides: str
) -> dict[str, str]:
    """Return which ids of an index stand there because of other documents, and of which.

    Args:
        session: Open.
        tenant: Whose.
        collection: Whose index it is.
        ids: Of documents of the index.
        besides: The document that does not count.
    """
    wanted = set(ids)
    rows = session.execute(
        select(UploadRow.name, UploadRow.index_ids).where(
            UploadRow.tenant == tenant,
            UploadRow.collection == collection,
            UploadRow.id != besides,
        )
    )
    return {id_: name for name, theirs in rows for id_ in theirs if id_ in wanted}
