"""Collections on their way out: what is promised, and what goes when it is kept.

From the promise on nothing is put into the collection any more; what waited for it ends. The rows
go all at once, after the index: whoever is killed in between finds the job again, and an index
that is gone already.
"""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from rag_router.errors import ConflictError
from rag_router.store.service_tables import CollectionRow, JobRow, UploadRow

__all__ = ["check_not_dropped", "drop_collection", "dropped", "forget_collection", "jobs_before"]

_OPEN = ("waiting", "running")


def drop_collection(session: Session, row: CollectionRow, *, now: float) -> JobRow:
    """Promise to remove a collection with all that stands in it; once promised is enough."""
    before = session.scalar(select(JobRow).where(_drops(row.tenant), JobRow.collection == row.name))
    if before is not None:
        return before
    session.execute(
        update(JobRow)
        .where(
            JobRow.tenant == row.tenant,
            JobRow.collection == row.name,
            JobRow.state == "waiting",
        )
        .values(state="failed", ended=now, problem="the collection is removed.")
    )
    session.execute(
        update(UploadRow)
        .where(UploadRow.tenant == row.tenant, UploadRow.collection == row.name)
        # What an older version of a document brings about says nothing of it any more.
        .values(state="removing", changed=now, version=UploadRow.version + 1)
    )
    made = JobRow(
        id=f"job_{uuid4().hex}",
        tenant=row.tenant,
        kind="drop",
        state="waiting",
        collection=row.name,
        upload="",
        name="",
        version=0,
        meta={},
        attempts=0,
        problem="",
        hint="",
        created=now,
    )
    session.add(made)
    session.flush()
    return made


def dropped(session: Session, tenant: str) -> frozenset[str]:
    """Return the names of a tenant's collections that are being removed."""
    return frozenset(session.scalars(select(JobRow.collection).where(_drops(tenant))))


def check_not_dropped(session: Session, tenant: str, name: str) -> None:
    """Make sure that something may be put into a collection.

    Raises:
        ConflictError: it is being removed.
    """
    if name in dropped(session, tenant):
        raise ConflictError(
            f"collection {name!r} is being removed.",
            hint="Wait for its job, and make it again.",
        )


def jobs_before(session: Session, job: JobRow) -> list[str]:
    """Return the ids of a collection's other jobs, whose files nobody needs any more."""
    return list(session.scalars(select(JobRow.id).where(_before(job))))


def forget_collection(session: Session, job: JobRow) -> None:
    """Delete a collection with its documents and its jobs, but the one that removes it."""
    session.execute(delete(JobRow).where(_before(job)))
    session.execute(
        delete(UploadRow).where(
            UploadRow.tenant == job.tenant, UploadRow.collection == job.collection
        )
    )
    session.execute(
        delete(CollectionRow).where(
            CollectionRow.tenant == job.tenant, CollectionRow.name == job.collection
        )
    )


def _before(job: JobRow) -> ColumnElement[bool]:
    theirs = (JobRow.tenant == job.tenant) & (JobRow.collection == job.collection)
    return theirs & (JobRow.number < job.number)


def _drops(tenant: str) -> ColumnElement[bool]:
    return (JobRow.tenant == tenant) & (JobRow.kind == "drop") & JobRow.state.in_(_OPEN)
