"""Collections in the service's database: which there are, and which index each one is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from rag_router.errors import ConflictError, SettingsError, UnknownNameError, UsageError
from rag_router.settings import GIVEN
from rag_router.store.naming import index_name, of_a_tenant
from rag_router.store.pages import Page, page_of
from rag_router.store.service_tables import DEFAULT_TENANT, CollectionRow

__all__ = ["add_collection", "adopt_indexes", "collection", "collections", "not_adopted", "places"]
__all__ += ["share_collection", "visible_collection"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def add_collection(
    session: Session, tenant: str, name: str, *, about: str = "", now: float
) -> CollectionRow:
    """Make a collection, with nothing in it yet.

    Raises:
        SettingsError: no collection can have that name.
        ConflictError: there is one of that name.
    """
    # What comes with a question is called so, and indexes of tenants are called as they are.
    if not _NAME.fullmatch(name) or name == GIVEN or of_a_tenant(name):
        raise SettingsError(
            f"{name[:80]!r} cannot be the name of a collection.",
            hint="A name has up to 64 of a-z, 0-9, '.', '_' and '-', and begins with a letter or "
            "digit.",
        )
    if _find(session, tenant, name) is not None:
        raise ConflictError(
            f"there is a collection named {name!r} already.",
            hint="Choose another name, or add documents to that one.",
        )
    made = CollectionRow(
        tenant=tenant, name=name, index_name=index_name(tenant, name), about=about, created=now
    )
    session.add(made)
    session.flush()
    return made


def not_adopted(session: Session, names: Iterable[str]) -> list[str]:
    """Return which of these indexes are no collection of anybody's, and never were a tenant's."""
    known = set(session.scalars(select(CollectionRow.index_name)))
    return [name for name in names if name not in known and not of_a_tenant(name)]


def adopt_indexes(session: Session, names: Iterable[str], *, now: float) -> None:
    """Make collections of the default tenant of indexes that were made elsewhere."""
    for name in not_adopted(session, names):
        session.add(
            CollectionRow(tenant=DEFAULT_TENANT, name=name, index_name=name, about="", created=now)
        )
    session.flush()


def collection(session: Session, tenant: str, name: str) -> CollectionRow:
    """Return a collection of a tenant's own.

    Raises:
        UnknownNameError: there is none of that name.
    """
    found = _find(session, tenant, name)
    if found is None:
        own = select(CollectionRow.name).where(CollectionRow.tenant == tenant)
        names = session.scalars(own).all()
        hint = "" if names else "Make one: POST /v1/collections."
        raise UnknownNameError("collection", name, names, hint=hint)
    return found


def collections(
    session: Session, tenant: str, *, limit: int, cursor: str | None = None
) -> Page[CollectionRow]:
    """Return a page of all collections that a tenant may look in, newest first.

    Raises:
        UsageError: the cursor is none of this list.
    """
    own = select(CollectionRow.name).where(CollectionRow.tenant == tenant)
    theirs = CollectionRow.shared & CollectionRow.name.not_in(own)
    chosen = select(CollectionRow).where(or_(CollectionRow.tenant == tenant, theirs))
    return page_of(
        session, chosen, CollectionRow.number, of="collections", limit=limit, cursor=cursor
    )


def visible_collection(session: Session, tenant: str, name: str) -> CollectionRow:
    """Return a collection that a tenant may look in: its own, or else one that is shared.

    Raises:
        UnknownNameError: there is none of that name.
    """
    shared = select(CollectionRow).where(CollectionRow.shared, CollectionRow.name == name)
    found = _find(session, tenant, name) or session.scalar(shared)
    return collection(session, tenant, name) if found is None else found


def share_collection(row: CollectionRow, shared: bool) -> None:
    """Let all tenants look in a collection of the default tenant's, or none of them any more.

    Raises:
        UsageError: it is another tenant's: what all are shown is for those to say who run the
            service.
    """
    if row.tenant != DEFAULT_TENANT:
        raise UsageError(
            f"collection {row.name!r} is a tenant's own, and cannot be shared.",
            hint=f"Put what all may read into a collection of tenant {DEFAULT_TENANT!r}.",
        )
    row.shared = shared


def places(session: Session, tenant: str) -> dict[str, str]:
    """Return the indexes that a tenant may look in, by the names of their collections."""
    columns = CollectionRow.name, CollectionRow.index_name, CollectionRow.tenant
    visible = or_(CollectionRow.tenant == tenant, CollectionRow.shared)
    rows = session.execute(select(*columns).where(visible)).all()
    # Of two of one name, one's own counts.
    return {row.name: row.index_name for row in sorted(rows, key=lambda row: row.tenant == tenant)}


def _find(session: Session, tenant: str, name: str) -> CollectionRow | None:
    return session.scalar(
        select(CollectionRow).where(CollectionRow.tenant == tenant, CollectionRow.name == name)
    )
