"""The database of a running service: SQLite in its home, or PostgreSQL by URL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import (
    Connection,
    CursorResult,
    Delete,
    Engine,
    Update,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from rag_router.errors import BusyError, SettingsError, UnavailableError
from rag_router.store.write_ahead import write_ahead

__all__ = ["ServiceDatabase", "delete_rows"]

_PATIENCE_S: Final = 30
"""How long one that writes waits for another."""

_DRIVERS: Final = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


class ServiceDatabase:
    """One database, which any number of threads may use.

    SQLite keeps a write-ahead log, so that reading never waits for writing, and one that writes
    takes its turn at the beginning: two that first read and then write would else fail.

    Args:
        url: `sqlite:///PATH`, or `postgresql://USER@HOST/NAME`. The password is libpq's business
            (PGPASSWORD, or ~/.pgpass), for settings are shown and logged.

    Raises:
        SettingsError: the URL is none, of another database, or holds a password.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._writing = self.engine.execution_options(writes=True, lasts=True)
        self._noting = self.engine.execution_options(writes=True)

    @classmethod
    def at(cls, path: Path) -> ServiceDatabase:
        """Use a SQLite file, which is made with its folder where it is not there."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise UnavailableError(f"{path.parent} cannot be made: {exc}.") from exc
        return cls(f"sqlite:///{path}")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session for looking; what is read may be used after it has ended.

        Raises:
            UnavailableError: the database cannot be used.
        """
        with self._session(self.engine) as opened:
            yield opened

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Yield a session whose changes are kept, all of them, when it ends without an error.

        Raises:
            BusyError: somebody else made the same at the same time.
            UnavailableError: the database cannot be used.
        """
        with self._session(self._writing) as opened:
            yield opened

    @contextmanager
    def noting(self) -> Iterator[Session]:
        """Write as `writing` does, but without waiting for the disk.

        What was noted outlives the process, and need not outlive a power failure.

        Raises:
            UnavailableError: the database cannot be used.
        """
        with self._session(self._noting) as opened:
            yield opened

    def check(self) -> None:
        """Make sure that it answers.

        Raises:
            UnavailableError: it does not.
        """
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        try:
            with Session(engine, expire_on_commit=False) as opened, opened.begin():
                yield opened
        except IntegrityError as exc:
            # What is there is looked for first: somebody else was quicker.
            raise BusyError(
                "somebody else did the same at the same moment.", hint="Try again."
            ) from exc
        except (SQLAlchemyError, sqlite3.Error) as exc:
            # SQLAlchemy's own text adds the statement and its values, which are people's words.
            cause = str(getattr(exc, "orig", None) or type(exc).__name__).splitlines()[0]
            raise UnavailableError(
                f"the service's database cannot be used: {cause}.",
                hint="See whether it runs, and to free space and access; settings: [store].",
            ) from exc


def delete_rows(session: Session, statement: Delete | Update) -> int:
    """Delete rows, or what stands in some columns of them, and return how many there were."""
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as exc:
        raise SettingsError(
            "store.url is no URL of a database.", hint="Write postgresql://USER@HOST/NAME."
        ) from exc
    if parsed.drivername not in _DRIVERS:
        raise SettingsError(
            f"store.url names a database of kind {parsed.drivername!r}.",
            hint="Known: postgresql, sqlite.",
        )
    if parsed.password or "password" in parsed.query:
        raise SettingsError(
            "store.url holds a password, and settings are no place for one.",
            hint="Set PGPASSWORD, or write it into ~/.pgpass.",
        )
    parsed = parsed.set(drivername=_DRIVERS[parsed.drivername])
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(create_engine(parsed, connect_args={"timeout": _PATIENCE_S}))
    try:
        return create_engine(parsed, pool_pre_ping=True)
    except ModuleNotFoundError as exc:
        raise UnavailableError(
            "PostgreSQL needs psycopg.", hint="Run: pip install 'rag-router[postgres]'"
        ) from exc


def _sqlite(engine: Engine) -> Engine:
    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        # The driver would begin transactions by itself, and late.
        connection.isolation_level = None
        write_ahead(connection, patience_s=_PATIENCE_S)
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> Any:
        options = connection.get_execution_options()
        synchronous = "FULL" if options.get("lasts") else "NORMAL"
        connection.exec_driver_sql(f"PRAGMA synchronous = {synchronous}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")

    return engine
