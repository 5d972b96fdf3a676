"""Keys in the service's database: made, found, exchanged and taken back.

A key reads `rr_ID_SECRET`: the id, which is no secret and finds its row, and 256 random bits. What
is kept is an HMAC-SHA-256 of the whole key under the server's secret. A key of so many bits needs
no slow hash, for nobody can try them all; and without the server's secret nobody can try one.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from rag_router.errors import ConflictError, SettingsError, UnknownNameError, UsageError
from rag_router.store.erasures import keys_erased
from rag_router.store.pages import Page, page_of
from rag_router.store.server_secret import ServerSecret
from rag_router.store.service_tables import DEFAULT_TENANT, KeyRow

__all__ = ["SCOPES", "Forwards", "NewKey", "Scope", "add_key", "all_keys", "checked_tenant"]
__all__ += ["forwards_of", "id_in", "is_right", "key", "keys", "keys_stamp", "note_uses"]
__all__ += ["State", "revoke_key", "rotate_key", "scopes_of", "state_of", "user_secret"]

Scope = Literal["answer", "read", "write", "feedback", "metrics", "admin"]
"""What a key may do; docs/tenants.md says which requests each of them is."""

SCOPES: Final[frozenset[Scope]] = frozenset(get_args(Scope))

Forwards = Literal["no", "plain", "signed"]
State = Literal["open", "expired", "revoked"]

_KEY: Final = re.compile(r"rr_([0-9a-f]{16})_[A-Za-z0-9_-]{43}", re.ASCII)
_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_OF_KEYS: Final = "keys"
_OF_USERS: Final = "users"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made.

    Attributes:
        row: What is kept of it.
        text: The key itself, which nobody can be told again.
    """

    row: KeyRow
    text: str

    def __repr__(self) -> str:
        return f"NewKey({self.row.id})"


def add_key(
    session: Session,
    secret: ServerSecret,
    tenant: str,
    *,
    scopes: Iterable[Scope],
    name: str = "",
    expires: float | None = None,
    forwards: Forwards = "no",
    now: float,
) -> NewKey:
    """Make a key.

    Args:
        session: Open for writing.
        secret: The server's.
        tenant: Whose things it opens.
        scopes: What it may do; at least one thing.
        name: What people call it.
        expires: When it ends, in seconds since 1970; None is never.
        forwards: Whether whoever sends it is believed when they say for whom.
        now: Seconds since 1970.

    Raises:
        SettingsError: no tenant can have that name.
        UsageError: it may do nothing, or ends before it begins, or would tell a tenant of all.
    """
    tenant = checked_tenant(tenant)
    wanted = frozenset(scopes)
    if not wanted:
        raise UsageError(
            "a key without scopes opens nothing.", hint=f"Known: {', '.join(sorted(SCOPES))}."
        )
    if "metrics" in wanted and tenant != DEFAULT_TENANT:
        raise UsageError(
            "metrics are of the whole service, and are not told to one of its tenants.",
            hint=f"Leave them out, or make a key of tenant {DEFAULT_TENANT!r}.",
        )
    if expires is not None and not expires > now:
        raise UsageError("the key would end before it is made.", hint="Let it last longer.")
    id_ = secrets.token_hex(8)
    text = f"rr_{id_}_{secrets.token_urlsafe(32)}"
    row = KeyRow(
        id=id_,
        tenant=tenant,
        name=name,
        digest=secret.digest(_OF_KEYS, text),
        scopes=sorted(wanted),
        forwards=forwards,
        successor="",
        created=now,
        expires=expires,
    )
    session.add(row)
    session.flush()
    return NewKey(row, text)


def id_in(text: str) -> str | None:
    """Return the id that a key begins with; None where it is none of ours."""
    found = _KEY.fullmatch(text)
    return None if found is None else found.group(1)


def is_right(text: str, digest: str, secret: ServerSecret) -> bool:
    """Tell whether this is the key of a digest, in the same time whatever differs."""
    return hmac.compare_digest(secret.digest(_OF_KEYS, text), digest)


def user_secret(secret: ServerSecret, id_: str) -> str:
    """Return what whoever sends a key signs the names of their users with, as hexadecimal."""
    return secret.derived(_OF_USERS, id_).hex()


def key(session: Session, tenant: str | None, id_: str) -> KeyRow:
    """Return what is kept of a key; None for a tenant is anybody's.

    Raises:
        UnknownNameError: there is none of that id.
    """
    chosen = select(KeyRow).where(KeyRow.id == id_)
    if tenant is not None:
        chosen = chosen.where(KeyRow.tenant == tenant)
    found = session.scalar(chosen)
    if found is None:
        raise UnknownNameError("key", id_, (), hint="List them: rag-router key list.")
    return found


def keys(
    session: Session, tenant: str | None, *, limit: int, cursor: str | None = None
) -> Page[KeyRow]:
    """Return a page of keys, newest first; None for a tenant is everybody's.

    Raises:
        UsageError: the cursor is none of this list.
    """
    chosen = select(KeyRow)
    if tenant is not None:
        chosen = chosen.where(KeyRow.tenant == tenant)
    return page_of(session, chosen, KeyRow.number, of="keys", limit=limit, cursor=cursor)


def all_keys(session: Session, *, now: float) -> list[KeyRow]:
    """Return all keys that open something."""
    still = or_(KeyRow.expires.is_(None), KeyRow.expires > now)
    return list(session.scalars(select(KeyRow).where(KeyRow.revoked.is_(None), still)))


def keys_stamp(session: Session) -> tuple[int, ...]:
    """Return what changes whenever a key is made, exchanged, taken back or erased.

    The first number is 0 where there never was any: those of tenants that were erased count, so
    that an erasure lets nobody in. It goes by counts, for clocks are set back.
    """
    exchanged = func.count(func.nullif(KeyRow.successor, ""))
    counts = select(func.count(), func.max(KeyRow.number), func.count(KeyRow.revoked), exchanged)
    there, *others = (count or 0 for count in session.execute(counts).one())
    gone = keys_erased(session)
    return there + gone, gone, *others


def scopes_of(row: KeyRow) -> frozenset[Scope]:
    """Return what a key may do; what this version does not know is nothing."""
    return frozenset(scope for scope in SCOPES if scope in row.scopes)


def state_of(row: KeyRow, *, now: float) -> State:
    """Return whether a key opens anything still."""
    if row.revoked is not None:
        return "revoked"
    return "open" if row.expires is None or row.expires > now else "expired"


def forwards_of(kept: str) -> Forwards:
    """Return whose word counts for which user asks; what this version does not know is nobody's."""
    return _FORWARDS.get(kept, "no")


def revoke_key(row: KeyRow, *, now: float) -> None:
    """Let a key open nothing any more; once is enough."""
    if row.revoked is None:
        row.revoked = now


def rotate_key(
    session: Session, secret: ServerSecret, row: KeyRow, *, grace_s: float, now: float
) -> NewKey:
    """Make a key in the place of another, which goes on for a while, so that nobody is cut off.

    Args:
        session: Open for writing.
        secret: The server's.
        row: The one before.
        grace_s: For how long it goes on, in seconds, >= 0.
        now: Seconds since 1970.

    Raises:
        ConflictError: it ended before, or has a successor already.
    """
    if state_of(row, now=now) != "open":
        raise ConflictError(f"key {row.id} has ended.", hint="Make a new one.")
    if row.successor:
        raise ConflictError(
            f"key {row.id} has been exchanged for {row.successor} already.",
            hint="Exchange that one, or revoke this one now.",
        )
    lasts = None if row.expires is None else now + (row.expires - row.created)
    made = add_key(
        session,
        secret,
        row.tenant,
        scopes=scopes_of(row),
        name=row.name,
        expires=lasts,
        forwards=forwards_of(row.forwards),
        now=now,
    )
    row.successor = made.row.id
    row.expires = now + grace_s if row.expires is None else min(row.expires, now + grace_s)
    return made


def note_uses(session: Session, uses: dict[str, float]) -> None:
    """Write down when keys were used last, by their ids."""
    for id_, when in uses.items():
        session.execute(
            update(KeyRow)
            .where(KeyRow.id == id_, or_(KeyRow.used.is_(None), KeyRow.used < when))
            .values(used=when)
        )


def checked_tenant(name: str) -> str:
    """Return the name of a tenant.

    Raises:
        SettingsError: none can have it.
    """
    if not _TENANT.fullmatch(name):
        raise SettingsError(
            f"{name[:80]!r} cannot be the name of a tenant.",
            hint="A name has up to 64 of a-z, 0-9, '.', '_' and '-', and begins with a letter or "
            "digit.",
        )
    return name


_FORWARDS: Final[dict[str, Forwards]] = {"no": "no", "plain": "plain", "signed": "signed"}
