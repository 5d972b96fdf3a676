"""Whether the data folder, the indexes and the database can be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from rag_router.cli.readiness.findings import Finding, tried
from rag_router.errors import RagRouterError
from rag_router.settings import Settings

if TYPE_CHECKING:
    from rag_router.indices.library import Library
    from rag_router.store.database import ServiceDatabase

__all__ = ["database", "database_of", "home", "indexes"]


def home(settings: Settings) -> Iterator[Finding]:
    """Look whether the data folder is there, or can be made, and be written."""
    folder = settings.home
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        hint = "Give this user the right to write there, or set `home` to another folder."
        yield Finding("data folder", "error", f"{there} cannot be written.", hint)
    else:
        said = str(folder) if folder.exists() else f"{folder}, which will be made"
        yield Finding("data folder", "ok", said)


def indexes(settings: Settings) -> Iterator[Finding]:
    """Look whether the indexes are there, and which embedder each was built with."""
    from rag_router.assembly import index_names
    from rag_router.indices.library import Library

    try:
        names = index_names(settings)
    except RagRouterError as exc:
        yield Finding("indexes", "error", exc.message, exc.hint, exc.exit_code)
        return
    if not names:
        hint = "Add documents: rag-router index add NAME PATH, or POST /v1/documents."
        yield Finding("indexes", "warning", "there are none yet: nothing is looked up.", hint)
    library = Library(settings.home)
    for name in names:
        yield tried(f"index {name}", partial(_index, library, name, settings.embedder.model))


def _index(library: Library, name: str, embedder: str) -> Finding | str:
    from rag_router.models.store import ModelStore

    manifest = library.manifest(name)
    said = f"{manifest.passages} passages of {manifest.documents} documents"
    built, store = manifest.encoder, ModelStore()
    try:
        prints = {store.resolve(embedder).fingerprint}
        if built.name != embedder:
            prints.add(store.resolve(built.name).fingerprint)
    except RagRouterError:
        prints = set()
    if built.fingerprint in prints:
        return said
    return Finding(
        f"index {name}",
        "error" if built.name == embedder and prints else "warning",
        f"{said}, built with {built.name}, which is not here as it was.",
        f"Run: rag-router models fetch {built.name}; or index the documents anew.",
    )


def database_of(settings: Settings) -> ServiceDatabase | None:
    """The database of the service; None where it is a file that will be made.

    Raises:
        SettingsError: `store.url` is none.
    """
    from rag_router.store.database import ServiceDatabase

    if settings.store.url is not None:
        return ServiceDatabase(settings.store.url)
    path = settings.home / "service.sqlite"
    return ServiceDatabase.at(path) if path.is_file() else None


def database(settings: Settings) -> Iterator[Finding]:
    """Look whether the database answers, and how far its tables are."""
    yield tried("database", partial(_database, settings))


def _database(settings: Settings) -> Finding | str:
    from rag_router.store.migrating import standing

    opened = database_of(settings)
    if opened is None:
        return f"{settings.home / 'service.sqlite'}, which will be made"
    try:
        opened.check()
        stands = standing(opened.engine)
        where = opened.engine.url.render_as_string(hide_password=True)
    finally:
        opened.close()
    if stands == "unknown":
        return Finding(
            "database",
            "error",
            f"{where} was made by a newer rag-router.",
            "Install that version, or name another database in store.url.",
        )
    if stands == "older":
        return Finding(
            "database",
            "warning",
            f"{where} has tables of an older version.",
            "They are brought up to date when the service starts; back it up first.",
        )
    return f"{where}, {'whose tables will be made' if stands == 'none' else 'up to date'}"
