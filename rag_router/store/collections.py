"""Collections in the service's database: which there are, and which index each one is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from rag_router.artefacts import fingerprint_of
from rag_router.errors import ConflictError, SettingsError, UnknownNameError
from rag_router.store.pages import Page, page_of
from rag_router.store.service_tables import DEFAULT_TENANT, CollectionRow

__all__ = ["add_collection", "adopt_indexes", "collection", "collections", "not_adopted"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def add_collection(
    session: Session, tenant: str, name: str, *, about: str = "", now: float
) -> CollectionRow:
    """Make a collection, with nothing in it yet.

    Raises:
        SettingsError: no collection can have that name.
        ConflictError: there is one of that name.
    """
    if not _NAME.fullmatch(name):
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
        tenant=tenant, name=name, index_name=_index_name(tenant, name), about=about, created=now
    )
    session.add(made)
    session.flush()
    return made


def not_adopted(session: Session, names: Iterable[str]) -> list[str]:
    """Return which of these indexes are no collection of anybody's."""
    known = set(session.scalars(select(CollectionRow.index_name)))
    return [name for name in names if name not in known]


def adopt_indexes(session: Session, names: Iterable[str], *, now: float) -> None:
    """Make collections of the default tenant of indexes that were made elsewhere."""
    for name in not_adopted(session, names):
        session.add(
            CollectionRow(tenant=DEFAULT_TENANT, name=name, index_name=name, about="", created=now)
        )
    session.flush()


def collection(session: Session, tenant: str, name: str) -> CollectionRow:
    """Return a collection.

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
    """Return a page of all collections, newest first.

    Raises:
        UsageError: the cursor is none of this list.
    """
    chosen = select(CollectionRow).where(CollectionRow.tenant == tenant)
    return page_of(
        session, chosen, CollectionRow.number, of="collections", limit=limit, cursor=cursor
    )


def _find(session: Session, tenant: str, name: str) -> CollectionRow | None:
    return session.scalar(
        select(CollectionRow).where(CollectionRow.tenant == tenant, CollectionRow.name == name)
    )


def _index_name(tenant: str, name: str) -> str:
    # The default tenant's are those of the command line; nobody can choose another's digest.
    return name if tenant == DEFAULT_TENANT else f"t-{fingerprint_of(tenant, name)[:48]}"
