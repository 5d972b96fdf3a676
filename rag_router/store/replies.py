"""Doing something once, however often it is asked for with the same key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from rag_router.errors import UsageError
from rag_router.store.database import delete_rows
from rag_router.store.service_tables import ReplyRow

__all__ = ["Reply", "forget_replies", "once"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and a JSON body; `again` where both were sent before."""

    status: int
    body: dict[str, Any]
    again: bool = False


def once(
    session: Session,
    tenant: str,
    key: str | None,
    request: str,
    do: Callable[[], Reply],
    *,
    now: float,
) -> Reply:
    """Do something, or return what was replied when it was done.

    What is done and what was replied are kept by the same transaction: there is never one without
    the other.

    Args:
        session: Open for writing; what is done uses it, too.
        tenant: Whose key it is.
        key: What the client calls this request; None does it in any case.
        request: A fingerprint of everything that it asks for.
        do: Does it.
        now: Seconds since 1970.

    Raises:
        UsageError: the key was given to another request before.
    """
    if key is None:
        return do()
    before = session.get(ReplyRow, (tenant, key))
    if before is not None:
        if before.request != request:
            raise UsageError(
                "this Idempotency-Key was given to another request before.",
                hint="Give every request a key of its own, and the same one only to repeat it.",
            )
        return Reply(before.status, before.body, again=True)
    reply = do()
    session.add(
        ReplyRow(
            tenant=tenant,
            key=key,
            request=request,
            status=reply.status,
            body=reply.body,
            created=now,
        )
    )
    session.flush()
    return reply


def forget_replies(session: Session, *, before: float) -> int:
    """Forget what was replied before that; return how many."""
    return delete_rows(session, delete(ReplyRow).where(ReplyRow.created < before))
