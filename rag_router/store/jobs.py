"""What the service has promised to do: begun in order, and taken up again where it was left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal
from uuid import uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from rag_router.errors import RagRouterError, UnknownNameError
from rag_router.store.pages import Page, page_of
from rag_router.store.service_tables import JobRow, UploadRow

__all__ = ["JobKind", "JobState", "add_job", "begin_jobs", "end_job", "give_back", "job"]
__all__ += ["forget_waiting", "jobs", "open_jobs", "take_up_again"]

JobKind = Literal["put", "remove", "drop"]
JobState = Literal["waiting", "running", "done", "failed"]

_AT_ONCE: Final = 500
_TOGETHER: Final = 3
"""How often a job is begun in the ordinary way; where the service died each time, it is suspect."""

_ALONE: Final = 5
"""How often a suspect is begun before it is taken to be what brings the process down."""


def add_job(session: Session, row: UploadRow, kind: JobKind, *, now: float) -> JobRow:
    """Promise to do something to a document, as it is now."""
    made = JobRow(
        id=f"job_{uuid4().hex}",
        tenant=row.tenant,
        kind=kind,
        state="waiting",
        collection=row.collection,
        upload=row.id,
        name=row.name,
        version=row.version,
        meta=row.meta,
        attempts=0,
        problem="",
        hint="",
        created=now,
    )
    session.add(made)
    session.flush()
    return made


def job(session: Session, tenant: str, id_: str) -> JobRow:
    """Return a job.

    Raises:
        UnknownNameError: there is none of that id.
    """
    found = session.scalar(select(JobRow).where(JobRow.tenant == tenant, JobRow.id == id_))
    if found is None:
        raise UnknownNameError("job", id_, (), hint="List them: GET /v1/jobs.")
    return found


def jobs(
    session: Session,
    tenant: str,
    *,
    limit: int,
    cursor: str | None = None,
    state: JobState | None = None,
    document: str | None = None,
) -> Page[JobRow]:
    """Return a page of jobs, newest first.

    Raises:
        UsageError: the cursor is none of this list.
    """
    chosen = select(JobRow).where(JobRow.tenant == tenant)
    if state is not None:
        chosen = chosen.where(JobRow.state == state)
    if document is not None:
        chosen = chosen.where(JobRow.upload == document)
    return page_of(session, chosen, JobRow.number, of="jobs", limit=limit, cursor=cursor)


def open_jobs(session: Session, tenant: str | None = None) -> int:
    """Count what waits or runs, of one tenant or of all."""
    chosen = select(func.count()).where(JobRow.state.in_(("waiting", "running")))
    if tenant is not None:
        chosen = chosen.where(JobRow.tenant == tenant)
    return session.scalar(chosen) or 0


def take_up_again(session: Session, *, now: float) -> int:
    """Let everything wait that was running when its process ended; return how much that was.

    Only whoever is sure to be the one who works may call it. A suspect that was begun too often
    fails: a kill is no fault of a document, but so many at its work alone are.
    """
    left = session.scalars(select(JobRow).where(JobRow.state == "running")).all()
    for row in left:
        if row.attempts < _TOGETHER + _ALONE:
            row.state = "waiting"
            continue
        row.state, row.ended = "failed", now
        row.problem = (
            f"the service ended {row.attempts} times while it worked on this, "
            f"{_ALONE} of them on nothing else."
        )
        row.hint = "See whether the service has memory enough for it, or split it."
        _tell_upload(session, row, "failed", now=now)
    return len(left)


def begin_jobs(
    session: Session, *, most: int, now: float, suspects: bool = True
) -> Sequence[JobRow]:
    """Begin the oldest job that waits, and those behind it that can be done with it.

    Args:
        session: Open, and for writing.
        most: How many at once.
        now: Seconds since 1970.
        suspects: Whether one may be begun at which the service has died several times. Where not,
            it is passed over, with everything else that waits for the same document.

    Returns:
        Of one collection: one that removes something or is suspect, or up to `most` that put
        different documents; empty where nothing waits.
    """
    waits = select(JobRow).where(JobRow.state == "waiting").order_by(JobRow.number).limit(most)
    if not suspects:
        held = select(JobRow.upload).where(
            JobRow.state == "waiting", JobRow.attempts >= _TOGETHER, JobRow.upload != ""
        )
        waits = waits.where(JobRow.attempts < _TOGETHER, JobRow.upload.not_in(held))
    chosen: list[JobRow] = []
    for row in session.scalars(waits):
        if chosen and not _goes_with(row, chosen):
            break
        chosen.append(row)
    for row in chosen:
        row.state, row.begun, row.attempts = "running", now, row.attempts + 1
    return chosen


def give_back(session: Session, rows: Sequence[JobRow]) -> None:
    """Let those of these jobs wait again that have not ended, through no fault of theirs."""
    session.execute(
        update(JobRow)
        .where(JobRow.number.in_([row.number for row in rows]), JobRow.state == "running")
        .values(state="waiting", attempts=JobRow.attempts - 1)
    )


def forget_waiting(session: Session, ids: Sequence[str]) -> None:
    """Forget those of these jobs that nobody has begun."""
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        session.execute(delete(JobRow).where(JobRow.id.in_(some), JobRow.state == "waiting"))


def end_job(session: Session, row: JobRow, error: RagRouterError | None, *, now: float) -> None:
    """Write down that a job is done, or why it failed."""
    state: JobState = "done" if error is None else "failed"
    session.execute(
        update(JobRow)
        .where(JobRow.number == row.number)
        .values(
            state=state,
            ended=now,
            problem="" if error is None else error.message,
            hint="" if error is None else error.hint,
        )
    )
    if error is not None:
        row.problem, row.hint = error.message, error.hint
        _tell_upload(session, row, "failed", now=now)


def _goes_with(row: JobRow, chosen: Sequence[JobRow]) -> bool:
    first = chosen[0]
    return (
        row.kind == first.kind == "put"
        and max(row.attempts, first.attempts) < _TOGETHER
        and (row.tenant, row.collection) == (first.tenant, first.collection)
        and row.upload not in {one.upload for one in chosen}
    )


def _tell_upload(session: Session, row: JobRow, state: str, *, now: float) -> None:
    # A version that came later has a job of its own, and its own state.
    session.execute(
        update(UploadRow)
        .where(
            UploadRow.tenant == row.tenant,
            UploadRow.id == row.upload,
            UploadRow.version == row.version,
        )
        .values(state=state, problem=row.problem, hint=row.hint, changed=now)
    )
