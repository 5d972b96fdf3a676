"""The audit log: who did what, when, and what came of it, in lines that are only ever added.

Each line holds the hash of the one before, so that a line that was changed, taken out or put in
shows (Haber and Stornetta 1991, "How to time-stamp a digital document", Journal of Cryptology 3(2),
doi 10.1007/BF00196791). Whoever may write to the database can still make a whole new chain: that
shows where a hash of the old one was noted elsewhere, such as in the log of the process.

What people wrote or are called by stands apart from the rest, as `words`. The chain goes by their
salted hash, so that they can be erased and the chain still holds. Lines that were kept long enough
go from the beginning, and the chain begins behind them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from rag_router.store.database import delete_rows
from rag_router.store.pages import Page, page_of
from rag_router.store.service_tables import AuditChainRow, AuditRow

__all__ = ["AuditEntry", "Checked", "Outcome", "add_audit", "audit_lines", "check_audit"]
__all__ += ["forget_audit", "forget_words"]

Outcome = Literal["done", "refused", "denied", "limited", "failed", "broken"]
"""What came of a request: it makes no sense, may not be, is too much, went wrong, or broke off."""

_CHAIN: Final = 1
_BEGINNING: Final = "0" * 64
_AT_ONCE: Final = 1000
_NAMES: Final = tuple(column.name for column in AuditRow.__table__.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Something that happened.

    Attributes:
        at: When, in seconds since 1970.
        tenant: Whose doing it was; empty where nobody knows.
        key: Id of the key that was used; "cli" is the command line.
        action: What was done, such as "DELETE /v1/documents/{id}".
        target: Ids of what it was done to.
        outcome: What came of it.
        status: Of HTTP; 0 where there was none.
        request: Id of the request.
        words: What people wrote or are called by; None where nothing of it is kept.
    """

    at: float
    tenant: str
    key: str
    action: str
    target: str = ""
    outcome: Outcome = "done"
    status: int = 0
    request: str = ""
    words: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What looking through the log has shown.

    Attributes:
        lines: How many there are.
        first: Number of the first; 0 where there is none.
        last: Number of the last; 0 where there never was one.
        head: Hash of the last, which stands for all of them.
        wordless: Lines whose words were erased.
        problems: What is not as it was written, in words; empty where everything is.
    """

    lines: int
    first: int
    last: int
    head: str
    wordless: int
    problems: tuple[str, ...]


def add_audit(session: Session, entries: Sequence[AuditEntry]) -> list[AuditRow]:
    """Add lines to the chain, in order.

    Args:
        session: Open for writing; one that writes waits for another until the end of it.
        entries: What happened.
    """
    chain = _chain(session)
    rows = []
    for entry in entries:
        words = None if not entry.words else {**entry.words, "salt": secrets.token_hex(16)}
        row = AuditRow(
            number=chain.last + 1,
            at=round(entry.at, 6),
            tenant=_plain(entry.tenant, 64),
            key=_plain(entry.key, 64),
            action=_plain(entry.action, 128),
            target=_plain(entry.target, 255),
            outcome=entry.outcome,
            status=entry.status,
            request=_plain(entry.request, 128),
            words=words,
            words_hash="" if words is None else _hash_of(words),
        )
        row.hash = _link(chain.last_hash, row)
        chain.last, chain.last_hash = row.number, row.hash
        rows.append(row)
    # Many at once, and by no way round: this is done for every request.
    session.flush()
    session.execute(insert(AuditRow), [_columns(row) for row in rows])
    return rows


def check_audit(session: Session) -> Checked:
    """Look through the whole log, and tell what is not as it was written."""
    chain = session.get(AuditChainRow, _CHAIN)
    if chain is None:
        chain = AuditChainRow(before=0, before_hash=_BEGINNING, last=0, last_hash=_BEGINNING)
    lines = wordless = 0
    first, number, hash_ = 0, chain.before, chain.before_hash
    problems: list[str] = []
    chosen = select(AuditRow).order_by(AuditRow.number).execution_options(yield_per=_AT_ONCE)
    for row in session.scalars(chosen):
        lines += 1
        first = first or row.number
        if row.number != number + 1:
            problems.append(f"line {number + 1} is missing: line {row.number} stands in its place")
        elif _link(hash_, row) != row.hash:
            problems.append(f"line {row.number} is not what was written")
        if row.words is not None and _hash_of(row.words) != row.words_hash:
            problems.append(f"the words of line {row.number} are not those that were written")
        wordless += row.words is None and bool(row.words_hash)
        number, hash_ = row.number, row.hash
    if (number, hash_) != (chain.last, chain.last_hash):
        problems.append(f"the log ends with line {number}, and line {chain.last} was written last")
    return Checked(
        lines=lines,
        first=first,
        last=chain.last,
        head=chain.last_hash,
        wordless=wordless,
        problems=tuple(problems),
    )


def audit_lines(
    session: Session,
    *,
    limit: int,
    tenant: str | None = None,
    since: float | None = None,
    until: float | None = None,
    action: str | None = None,
    cursor: str | None = None,
) -> Page[AuditRow]:
    """Return a page of lines, newest first.

    Args:
        session: Open.
        limit: Most lines.
        tenant: Whose doing; None is everybody's.
        since: Seconds since 1970.
        until: Before which, in seconds since 1970.
        action: Of which a part is this.
        cursor: Where the page begins.

    Raises:
        UsageError: the cursor is none of this list.
    """
    chosen = select(AuditRow)
    if tenant is not None:
        chosen = chosen.where(AuditRow.tenant == tenant)
    if since is not None:
        chosen = chosen.where(AuditRow.at >= since)
    if until is not None:
        chosen = chosen.where(AuditRow.at < until)
    if action is not None:
        chosen = chosen.where(AuditRow.action.contains(action, autoescape=True))
    return page_of(session, chosen, AuditRow.number, of="audit", limit=limit, cursor=cursor)


def forget_audit(session: Session, *, before: float) -> int:
    """Forget lines that are older than that, from the beginning on; return how many."""
    chain = _chain(session)
    youngest = select(AuditRow.number).where(AuditRow.at >= before)
    kept = session.scalar(youngest.order_by(AuditRow.number).limit(1))
    last = session.scalar(
        select(AuditRow)
        .where(AuditRow.number < (chain.last + 1 if kept is None else kept))
        .order_by(AuditRow.number.desc())
        .limit(1)
    )
    if last is None:
        return 0
    chain.before, chain.before_hash = last.number, last.hash
    number = last.number
    session.expunge(last)
    return delete_rows(session, delete(AuditRow).where(AuditRow.number <= number))


def forget_words(session: Session, tenant: str, holding: Sequence[str] | None = None) -> int:
    """Erase the words of a tenant's lines, and return of how many.

    Args:
        session: Open for writing.
        tenant: Whose.
        holding: Only of lines whose target is one of these; None is of all.
    """
    chosen = update(AuditRow).where(AuditRow.tenant == tenant, AuditRow.words.is_not(None))
    if holding is not None:
        chosen = chosen.where(AuditRow.target.in_(holding))
    return delete_rows(session, chosen.values(words=None))


def _chain(session: Session) -> AuditChainRow:
    """The row that says where the chain ends; nobody else may add to it until the session ends."""
    chosen = select(AuditChainRow).where(AuditChainRow.id == _CHAIN).with_for_update()
    chain = session.scalar(chosen)
    if chain is None:
        chain = AuditChainRow(
            id=_CHAIN, before=0, before_hash=_BEGINNING, last=0, last_hash=_BEGINNING
        )
        session.add(chain)
        session.flush()
    return chain


def _columns(row: AuditRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _NAMES}


def _link(before: str, row: AuditRow) -> str:
    said = [before, row.number, row.at, row.tenant, row.key, row.action, row.target]
    return _hash_of([*said, row.outcome, row.status, row.request, row.words_hash])


def _hash_of(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _plain(text: str, longest: int) -> str:
    """A text as every database can keep it: nothing hidden in it, and not longer than this."""
    return "".join(sign for sign in text if sign.isprintable())[:longest]
