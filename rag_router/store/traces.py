"""Answers as they were given, kept for a while, and with no more of their text than is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal
from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from rag_router.errors import UnknownNameError
from rag_router.store.database import delete_rows
from rag_router.store.pages import Page, page_of
from rag_router.store.service_tables import TraceRow

__all__ = ["Redaction", "add_traces", "forget_traces", "redacted", "remove_trace", "trace"]
__all__ += ["traces"]

Redaction = Literal["full", "no_passages", "no_text"]
"""What is kept of an answer: all, all but what passages say, or no word of anybody's."""

_WORDS: Final = ("text", "title", "why")
_ANSWER_WORDS: Final = ("question", "answer", "message", "hint")


def redacted(answer: Mapping[str, Any], kept: Redaction) -> dict[str, Any]:
    """Return an answer's wire form with no more text than is to be kept.

    Figures, names of indexes and ids of passages always stay. Without passages, what passages say
    is taken out, and every reason that might quote them; without text, so are the question, the
    answer, and whatever might quote those.
    """
    out = dict(answer)
    if kept == "full":
        return out
    out["passages"] = [_without(passage, *_WORDS) for passage in answer["passages"]]
    out.pop("tokens", None)
    if "groups" in answer:
        out["groups"] = [_without(group, "reason") for group in answer["groups"]]
    if kept == "no_passages":
        return out
    for name in _ANSWER_WORDS:
        if out.get(name):
            out[name] = None
    out["knowledge"] = _without(answer["knowledge"], "reason")
    out["conflict"] = _without(answer["conflict"], "closed_book_answer")
    out["route"] = answer["route"] | {
        "retrievers": [_without(one, "why") for one in answer["route"]["retrievers"]]
    }
    out["degraded"] = [_without(note, "what") for note in answer["degraded"]]
    if "disagreement" in answer:
        out["disagreement"] = [_without(side, "answer") for side in answer["disagreement"]]
    return out


def add_traces(
    session: Session,
    tenant: str,
    answers: Sequence[Mapping[str, Any]],
    *,
    kept: Redaction,
    request: str = "",
    key: str = "",
    user: str = "",
    now: float,
) -> list[str]:
    """Keep answers, and return the ids of their traces, in order.

    Args:
        session: Open for writing.
        tenant: Whose.
        answers: In their wire form.
        kept: How much of their text.
        request: The id of the request.
        key: The id of the key that it came with.
        user: For whom it came.
        now: Seconds since 1970.
    """
    rows = [
        TraceRow(
            id=f"trace_{uuid4().hex}",
            tenant=tenant,
            request=request,
            reason=answer["reason"],
            abstained=answer["abstained"],
            confidence=answer["confidence"],
            kept=kept,
            key=key,
            user=user,
            answer=redacted(answer, kept),
            created=now,
        )
        for answer in answers
    ]
    session.add_all(rows)
    session.flush()
    return [row.id for row in rows]


def trace(session: Session, tenant: str, id_: str) -> TraceRow:
    """Return a trace.

    Raises:
        UnknownNameError: there is none of that id, or not any more.
    """
    found = session.scalar(select(TraceRow).where(TraceRow.tenant == tenant, TraceRow.id == id_))
    if found is None:
        raise UnknownNameError(
            "trace", id_, (), hint="It may have been kept long enough; see [store] in the settings."
        )
    return found


def traces(
    session: Session,
    tenant: str,
    *,
    limit: int,
    cursor: str | None = None,
    reason: str | None = None,
    abstained: bool | None = None,
) -> Page[TraceRow]:
    """Return a page of traces, newest first.

    Raises:
        UsageError: the cursor is none of this list.
    """
    chosen = select(TraceRow).where(TraceRow.tenant == tenant)
    if reason is not None:
        chosen = chosen.where(TraceRow.reason == reason)
    if abstained is not None:
        chosen = chosen.where(TraceRow.abstained == abstained)
    return page_of(session, chosen, TraceRow.number, of="traces", limit=limit, cursor=cursor)


def remove_trace(session: Session, tenant: str, id_: str) -> None:
    """Forget a trace.

    Raises:
        UnknownNameError: there is none of that id.
    """
    session.delete(trace(session, tenant, id_))


def forget_traces(session: Session, *, before: float, most: int) -> int:
    """Forget what is older than that, and all but the newest of each tenant; return how many."""
    gone = delete_rows(session, delete(TraceRow).where(TraceRow.created < before))
    for tenant in session.scalars(select(TraceRow.tenant).distinct()).all():
        own = select(TraceRow.number).where(TraceRow.tenant == tenant)
        last = session.scalar(own.order_by(TraceRow.number.desc()).offset(most).limit(1))
        if last is not None:
            older = delete(TraceRow).where(TraceRow.tenant == tenant, TraceRow.number <= last)
            gone += delete_rows(session, older)
    return gone


def _without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in names}
