"""Erasures in the service's database: what is to go, how far that has come, and what went.

An erasure is noted before anything is erased, with all that is needed to go on, and each step when
it is done. So one that was cut off at any moment is taken up where it was. Once everything is gone
the note keeps what it was asked for, counts, and hashes of the documents' ids; no name, no text.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final, Literal, TypeVar
from uuid import uuid4

from sqlalchemy import ColumnElement, String, Table, cast, delete, func, or_, select, update
from sqlalchemy.orm import Session

from rag_router.errors import UnknownNameError
from rag_router.store.audit import AuditEntry, forget_words
from rag_router.store.database import delete_rows
from rag_router.store.service_tables import (
    AuditRow,
    CollectionRow,
    ErasureRow,
    FeedbackRow,
    JobRow,
    KeyRow,
    ReplyRow,
    ServiceTables,
    TraceRow,
    UploadRow,
)

__all__ = [
    "KEYS_GONE",
    "ErasureKind",
    "ErasureState",
    "add_erasure",
    "count_rows_of_tenant",
    "erased_since",
    "erasure",
    "erasures",
    "keys_erased",
    "note_step",
    "open_erasures",
    "orphaned_feedback",
    "print_of",
    "remove_keys_of",
    "remove_rows_of_document",
    "remove_rows_of_tenant",
    "renew_plan",
    "traces_of",
    "without_erased_words",
]

T = TypeVar("T")

ErasureKind = Literal["document", "tenant"]
ErasureState = Literal["open", "scrubbing", "done"]

KEYS_GONE: Final = "keys"
"""The step of an erasure that took a tenant's keys."""

_STAYS: Final = frozenset({"audit", "audit_chain", "erasures"})
"""Tables that tell of an erasure, and outlive it."""
_AT_ONCE: Final = 200
_UNDER_WAY_S: Final = 60.0
"""What was asked before a tenant was erased may be answered so much later."""


def print_of(document: str) -> str:
    """Return what a document of an index is known by once its id is gone."""
    return sha256(document.encode()).hexdigest()


def add_erasure(
    session: Session,
    tenant: str,
    kind: ErasureKind,
    target: str,
    plan: Mapping[str, Any],
    *,
    documents: Iterable[str] = (),
    now: float,
) -> ErasureRow:
    """Note that something is to be erased.

    Args:
        session: Open for writing.
        tenant: Whose it is.
        kind: What it is.
        target: Its id, or the name of the tenant.
        plan: All that is needed to find it.
        documents: Ids of documents of indexes that go.
        now: Seconds since 1970.
    """
    row = ErasureRow(
        id=f"erasure_{uuid4().hex}",
        tenant=tenant,
        kind=kind,
        target=target,
        state="open",
        plan=dict(plan),
        prints=[print_of(one) for one in documents],
        report=[],
        problem="",
        created=now,
    )
    session.add(row)
    session.flush()
    return row


def erasure(session: Session, id_: str, tenant: str | None = None) -> ErasureRow:
    """Return an erasure.

    Args:
        session: Open.
        id_: Its id.
        tenant: Whose; None is anybody's.

    Raises:
        UnknownNameError: there is none of that id.
    """
    found = session.get(ErasureRow, id_)
    if found is None or tenant not in (None, found.tenant):
        raise UnknownNameError("erasure", id_, (), hint="List them: GET /v1/erasures.")
    return found


def erasures(session: Session, tenant: str | None, *, limit: int) -> Sequence[ErasureRow]:
    """Return the newest erasures of a tenant, or of all."""
    chosen = select(ErasureRow)
    if tenant is not None:
        chosen = chosen.where(ErasureRow.tenant == tenant)
    order = (ErasureRow.created.desc(), ErasureRow.id)
    return session.scalars(chosen.order_by(*order).limit(limit)).all()


def open_erasures(session: Session) -> Sequence[ErasureRow]:
    """Return what is not done yet, the oldest first."""
    chosen = select(ErasureRow).where(ErasureRow.state != "done")
    return session.scalars(chosen.order_by(ErasureRow.created, ErasureRow.id)).all()


def renew_plan(session: Session, id_: str) -> ErasureRow:
    """Take into the plan of an erasure what came while somebody worked on it; return it."""
    row = erasure(session, id_)
    plan = dict(row.plan)
    if row.kind == "tenant":
        chosen = select(CollectionRow.index_name).where(CollectionRow.tenant == row.tenant)
        plan["indexes"] = _union(plan["indexes"], session.scalars(chosen))
        chosen = select(JobRow.id).where(JobRow.tenant == row.tenant)
        plan["jobs"] = _union(plan["jobs"], session.scalars(chosen))
    elif (
        upload := session.scalar(select(UploadRow).where(UploadRow.id == row.target))
    ) is not None:
        came = [one for one in upload.index_ids if print_of(one) not in row.prints]
        plan["documents"] = _union(plan["documents"], came)
        row.prints = [*row.prints, *(print_of(one) for one in came)]
    row.plan = plan
    return row


def remove_keys_of(session: Session, tenant: str) -> int:
    """Remove a tenant's keys, so that nobody comes in its name any more; return how many."""
    return delete_rows(session, delete(KeyRow).where(KeyRow.tenant == tenant))


def keys_erased(session: Session) -> int:
    """Return how many keys went with tenants that were erased."""
    reports = session.scalars(select(ErasureRow.report).where(ErasureRow.kind == "tenant"))
    return sum(step["keys"] for report in reports for step in report if step["step"] == KEYS_GONE)


def note_step(session: Session, id_: str, step: str, found: Mapping[str, int]) -> None:
    """Note that a step is done, and what it erased."""
    row = erasure(session, id_)
    row.report = [*row.report, {"step": step, **found}]
    row.problem = ""


def erased_since(session: Session, since: float) -> tuple[frozenset[str], frozenset[str]]:
    """Return what was to be erased from then on: prints of documents, and names of tenants."""
    rows = session.scalars(select(ErasureRow).where(ErasureRow.created >= since)).all()
    tenants = frozenset(row.tenant for row in rows if row.kind == "tenant")
    return frozenset(one for row in rows for one in row.prints), tenants


def traces_of(
    session: Session, tenant: str | None, indexes: Collection[str] | None, documents: Iterable[str]
) -> list[str]:
    """Return the ids of traces that show a passage of some documents.

    Args:
        session: Open.
        tenant: Whose; None is everybody's.
        indexes: What the index is called in them; None is whatever.
        documents: Ids of documents of it.
    """
    wanted, found = set(documents), []
    for some in _some(sorted(wanted)):
        # The text of a row is searched first: few have to be read whole.
        held = cast(TraceRow.answer, String)
        chosen = select(TraceRow.id, TraceRow.answer).where(
            or_(*(_holds(held, f"{one}#") for one in some))
        )
        if tenant is not None:
            chosen = chosen.where(TraceRow.tenant == tenant)
        for id_, answer in session.execute(chosen.execution_options(yield_per=_AT_ONCE)):
            if any(_is_of(one, indexes, wanted) for one in answer.get("passages", ())):
                found.append(id_)
    return sorted(set(found))


def orphaned_feedback(session: Session, tenant: str, texts: Sequence[str]) -> list[str]:
    """Return the ids of feedback whose trace has gone, and whose answer stands in some texts."""
    there = select(TraceRow.id)
    chosen = select(FeedbackRow).where(
        FeedbackRow.tenant == tenant, FeedbackRow.trace.not_in(there)
    )
    folded = [text.casefold() for text in texts]
    return [
        row.id
        for row in session.scalars(chosen.execution_options(yield_per=_AT_ONCE))
        if any(
            said and said.casefold() in text
            for said in (row.answer, row.correct_answer)
            for text in folded
        )
    ]


def remove_rows_of_document(
    session: Session,
    tenant: str,
    *,
    upload: str,
    jobs: Sequence[str],
    traces: Sequence[str],
    feedback: Sequence[str],
) -> dict[str, int]:
    """Remove all rows that are about a document, and return how many there were.

    Args:
        session: Open for writing.
        tenant: Whose it is.
        upload: Its id; empty where it was never uploaded.
        jobs: Those that worked on it.
        traces: Those that show it.
        feedback: What was said of it, apart from those.
    """
    counts = {"traces": 0, "feedback": 0, "replies": 0}
    said = list(feedback)
    for some in _some(traces):
        of_them = select(FeedbackRow.id).where(FeedbackRow.trace.in_(some))
        said += session.scalars(of_them).all()
        counts["traces"] += delete_rows(session, delete(TraceRow).where(TraceRow.id.in_(some)))
    for some in _some(said):
        counts["feedback"] += delete_rows(
            session, delete(FeedbackRow).where(FeedbackRow.id.in_(some))
        )
    uploads = {upload}
    for some in _some(jobs):
        mine = select(JobRow.upload).where(JobRow.tenant == tenant, JobRow.id.in_(some))
        uploads.update(session.scalars(mine))
    ids = [*filter(None, uploads), *jobs, *traces, *said]
    held = cast(ReplyRow.body, String)
    for some in _some(ids):
        about = or_(*(_holds(held, one) for one in some))
        counts["replies"] += delete_rows(session, delete(ReplyRow).where(about))
    # Jobs of a whole collection name no document.
    gone = delete(JobRow).where(JobRow.tenant == tenant, JobRow.upload.in_(uploads - {""}))
    counts["jobs"] = delete_rows(session, gone)
    counts["uploads"] = delete_rows(
        session, delete(UploadRow).where(UploadRow.tenant == tenant, UploadRow.id == upload)
    )
    counts["audit words"] = _forget_words_about(session, tenant, ids)
    return counts


def remove_rows_of_tenant(session: Session, tenant: str) -> dict[str, int]:
    """Remove all rows of a tenant from every table that has any, and return how many there were.

    What says that it was erased stays, and so does the audit log, without anybody's words.
    """
    counts = {}
    for table in reversed(_of_tenants()):
        gone = delete(table).where(table.columns["tenant"] == tenant)
        counts[table.name] = delete_rows(session, gone)
    counts["audit words"] = forget_words(session, tenant)
    return counts


def count_rows_of_tenant(session: Session, tenant: str) -> dict[str, int]:
    """Count what `remove_rows_of_tenant` would remove, by table."""
    counted = select(func.count())
    return {
        table.name: session.scalar(
            counted.select_from(table).where(table.columns["tenant"] == tenant)
        )
        or 0
        for table in _of_tenants()
    }


def without_erased_words(session: Session, entries: Sequence[AuditEntry]) -> list[AuditEntry]:
    """Leave out words of what was erased after they were said and before they are written down.

    Args:
        session: Open.
        entries: What waits to be written.
    """
    worded = [one for one in entries if one.words]
    if not worded:
        return list(entries)
    _, tenants = erased_since(session, min(one.at for one in worded) - _UNDER_WAY_S)
    ids = {id_ for one in worded for id_ in _ids_of(one) if id_.startswith("trace_")}
    there = set()
    for some in _some(sorted(ids)):
        there |= set(session.scalars(select(TraceRow.id).where(TraceRow.id.in_(some))))
    gone = ids - there
    return [
        replace(one, words=None)
        if one.words and (one.tenant in tenants or not gone.isdisjoint(_ids_of(one)))
        else one
        for one in entries
    ]


def _of_tenants() -> list[Table]:
    """The tables whose rows go with their tenant, those that others refer to first."""
    tables = ServiceTables.metadata.sorted_tables
    return [one for one in tables if one.name not in _STAYS and "tenant" in one.columns]


def _forget_words_about(session: Session, tenant: str, ids: Collection[str]) -> int:
    """Erase words of lines about some ids, and of a tenant's answers that are kept no more.

    What those were about, nobody can tell any more.
    """
    there, about = set(session.scalars(select(TraceRow.id))), set(ids)
    worded = select(AuditRow).where(AuditRow.words.is_not(None))
    gone = [
        row.number
        for row in session.scalars(worded.execution_options(yield_per=_AT_ONCE))
        if any(
            one in about or (row.tenant == tenant and one.startswith("trace_") and one not in there)
            for one in _ids_of(row)
        )
    ]
    for some in _some(gone):
        chosen = update(AuditRow).where(AuditRow.number.in_(some))
        session.execute(chosen.values(words=None))
    return len(gone)


def _ids_of(row: AuditRow | AuditEntry) -> Iterable[str]:
    """What a line is about; of many answers the target has room for the first ones alone."""
    answers = (row.words or {}).get("answers", ())
    return (*row.target.split(), *(str(one.get("trace", "")) for one in answers))


def _holds(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    # As the database keeps it: within quotes, and with everything escaped that is no ASCII.
    return column.contains(json.dumps(text)[1:-1], autoescape=True)


def _is_of(passage: Mapping[str, Any], indexes: Collection[str] | None, wanted: set[str]) -> bool:
    document = str(passage.get("id", "")).rpartition("#")[0]
    return document in wanted and (indexes is None or passage.get("index") in indexes)


def _union(there: Sequence[str], more: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*there, *more]))


def _some(ids: Sequence[T]) -> Iterable[Sequence[T]]:
    """A few at a time, as databases take them."""
    return (ids[start : start + 50] for start in range(0, len(ids), 50))
