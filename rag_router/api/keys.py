"""/v1/keys: who may call, made, exchanged and taken back; for admins.

Admins of the default tenant run the service, and see to the keys of all; others to those of their
own tenant. A key can make no key that may do more than itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from rag_router.api.guards.audit_trail import made as noted
from rag_router.api.keyring import Keyring
from rag_router.api.lists import Cursor, Limit, Listing, at
from rag_router.api.principal import Principal, Who
from rag_router.api.problems import PROBLEMS
from rag_router.api.service import Served
from rag_router.errors import ForbiddenError
from rag_router.store.keys import (
    Forwards,
    NewKey,
    Scope,
    State,
    add_key,
    forwards_of,
    key,
    keys,
    revoke_key,
    rotate_key,
    scopes_of,
    state_of,
    user_secret,
)
from rag_router.store.naming import DEFAULT_TENANT
from rag_router.store.server_secret import ServerSecret
from rag_router.store.service_tables import KeyRow

__all__ = ["router"]

router = APIRouter(tags=["keys"])

_DAY_S: Final = 86_400.0
_HOUR_S: Final = 3_600.0
_MOST_DAYS: Final = 36_500
_KEY: Final[dict[str, Any]] = {
    "id": "5f1c6f0e4b8a4f3e",
    "tenant": "acme",
    "name": "the chat of support",
    "scopes": ["answer", "feedback", "read"],
    "forwards": "no",
    "state": "open",
    "successor": "",
    "created_at": "2026-11-22T16:00:00Z",
    "expires_at": None,
    "revoked_at": None,
    "used_at": None,
}
_WANTED: Final[dict[str, Any]] = {
    "tenant": "acme",
    "name": "the chat of support",
    "scopes": ["answer", "read", "feedback"],
    "days": 90,
}


class WantedKey(BaseModel):
    """A key that is to be made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_WANTED]})

    tenant: str | None = Field(
        None, max_length=64, description="Whose things it opens; whoever asks by default."
    )
    name: str = Field("", max_length=255, pattern=r"^[^\x00]*$", description="For people.")
    scopes: list[Scope] = Field(min_length=1, max_length=16)
    days: float | None = Field(
        None, gt=0, le=_MOST_DAYS, description="How long it lasts; for ever by default."
    )
    forwards: Forwards = Field(
        "no",
        description="Whether whoever sends it is believed for which user they ask: by a `plain` "
        "header, or by one that is `signed` with the secret that comes with the key.",
    )


class Exchange(BaseModel):
    """For how long a key goes on that another one takes the place of."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"grace_hours": 24}]})

    grace_hours: float = Field(24.0, ge=0, le=24 * 365)


class KeyShown(BaseModel):
    """What is kept of a key; the key itself is nowhere.

    `state` is `open`, `expired` or `revoked`. `used_at` may be a minute behind, and is null where
    it was never used.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_KEY]})

    id: str
    tenant: str
    name: str
    scopes: list[Scope]
    forwards: Forwards
    state: State
    successor: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None


class MadeKey(KeyShown):
    """A key that was made: the only time that it is shown.

    `user_secret` is what its sender signs users' names with, where they must be signed; else null.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [_KEY | {"key": f"rr_5f1c6f0e4b8a4f3e_{'…' * 3}", "user_secret": None}]
        }
    )

    key: str
    user_secret: str | None


@router.post("/v1/keys", status_code=201, responses=PROBLEMS)
def create(body: WantedKey, request: Request, service: Served, who: Who) -> MadeKey:
    """Make a key; nobody can be told it again."""
    resources = service.resources
    tenant = who.tenant if body.tenant is None else body.tenant
    _require(who, tenant, body.scopes)
    secret, now = resources.secret(), resources.clock()
    with resources.database.writing() as session:
        made = add_key(
            session,
            secret,
            tenant,
            scopes=body.scopes,
            name=body.name,
            expires=None if body.days is None else now + body.days * _DAY_S,
            forwards=body.forwards,
            now=now,
        )
    noted(request, made.row.id)
    _keyring(request).look_again()
    return _told(made, secret, now)


@router.get("/v1/keys", responses=PROBLEMS)
def show_all(
    service: Served, who: Who, limit: Limit = 50, cursor: Cursor = None
) -> Listing[KeyShown]:
    """List keys, the newest first."""
    resources = service.resources
    with resources.database.reading() as session:
        page = keys(session, who.overseen, limit=limit, cursor=cursor)
    now = resources.clock()
    return Listing(items=[KeyShown(**_shown(row, now)) for row in page.rows], next=page.next)


@router.get("/v1/keys/{id}", responses=PROBLEMS)
def show(id: str, service: Served, who: Who) -> KeyShown:
    """Show what is kept of one key."""
    resources = service.resources
    with resources.database.reading() as session:
        return KeyShown(**_shown(key(session, who.overseen, id), resources.clock()))


@router.post("/v1/keys/{id}/rotate", status_code=201, responses=PROBLEMS)
def rotate(id: str, body: Exchange, request: Request, service: Served, who: Who) -> MadeKey:
    """Make a key in the place of another, which goes on for a while."""
    resources = service.resources
    secret, now = resources.secret(), resources.clock()
    with resources.database.writing() as session:
        row = key(session, who.overseen, id)
        _require(who, row.tenant, scopes_of(row))
        made = rotate_key(session, secret, row, grace_s=body.grace_hours * _HOUR_S, now=now)
    noted(request, made.row.id)
    _keyring(request).look_again()
    return _told(made, secret, now)


@router.delete("/v1/keys/{id}", responses=PROBLEMS)
def revoke(id: str, request: Request, service: Served, who: Who) -> KeyShown:
    """Let a key open nothing any more, from now on."""
    resources = service.resources
    with resources.database.writing() as session:
        row = _revoked(session, id, who, resources.clock())
    _keyring(request).look_again()
    return KeyShown(**_shown(row, resources.clock()))


def _revoked(session: Session, id_: str, who: Principal, now: float) -> KeyRow:
    row = key(session, who.overseen, id_)
    revoke_key(row, now=now)
    return row


def _require(who: Principal, tenant: str, scopes: list[Scope] | frozenset[Scope]) -> None:
    if not who.oversees(tenant):
        raise ForbiddenError(
            "keys of another tenant are made by those who run the service.",
            hint=f"They have a key of tenant {DEFAULT_TENANT!r} with the scope 'admin'.",
        )
    if more := sorted(frozenset(scopes) - who.scopes):
        raise ForbiddenError(
            f"a key may make none that may do more, and this one lacks {', '.join(more)}.",
            hint="Leave that out, or use a key that may do it.",
        )


def _keyring(request: Request) -> Keyring:
    keyring: Keyring = request.app.state.keyring
    return keyring


def _told(made: NewKey, secret: ServerSecret, now: float) -> MadeKey:
    signed = made.row.forwards == "signed"
    return MadeKey(
        **_shown(made.row, now),
        key=made.text,
        user_secret=user_secret(secret, made.row.id) if signed else None,
    )


def _shown(row: KeyRow, now: float) -> dict[str, Any]:
    return {
        "id": row.id,
        "tenant": row.tenant,
        "name": row.name,
        "scopes": sorted(scopes_of(row)),
        "forwards": forwards_of(row.forwards),
        "state": state_of(row, now=now),
        "successor": row.successor,
        "created_at": at(row.created),
        "expires_at": None if row.expires is None else at(row.expires),
        "revoked_at": None if row.revoked is None else at(row.revoked),
        "used_at": None if row.used is None else at(row.used),
    }
