"""SQLite files: how they are opened, and where SQLAlchemy's errors become ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import StaticPool

from rag_router.errors import UnavailableError

__all__ = ["create_database", "open_published", "session"]


def open_published(path: Path) -> Engine:
    """Open a file that nobody will ever change again, for reading only.

    One connection is held, so that the file stays readable when a newer generation has taken
    its place and its folder is gone. The connection may be used from any thread, by one at a
    time: the caller locks. `immutable` keeps SQLite from looking for a journal or a write-ahead
    log, so that nothing is ever written beside the file.
    """

    def connect() -> sqlite3.Connection:
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        return sqlite3.connect(uri, uri=True, check_same_thread=False)

    return create_engine("sqlite://", creator=connect, poolclass=StaticPool)


def create_database(path: Path, tables: type[DeclarativeBase]) -> Engine:
    """Make a new file with these tables, for one writer that publishes it when it is whole.

    There is no journal and no waiting for the disk: a file whose writer died is thrown away,
    and whoever publishes it calls fsync first.

    Raises:
        UnavailableError: the file cannot be written.
    """

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)
    try:
        tables.metadata.create_all(engine)
    except (SQLAlchemyError, sqlite3.Error) as exc:
        engine.dispose()
        raise UnavailableError(f"{path} cannot be written: {_reason(exc)}.") from exc
    return engine


@contextmanager
def session(
    engine: Engine, failure: type[UnavailableError] = UnavailableError
) -> Iterator[Session]:
    """Yield a session, commit at the end, and let only our own errors out.

    Args:
        engine: From `open_published` or `create_database`.
        failure: What SQLAlchemy's errors become.
    """
    try:
        with Session(engine) as opened, opened.begin():
            yield opened
    except (SQLAlchemyError, sqlite3.Error) as exc:
        raise failure(f"a database failed: {_reason(exc)}.") from exc


def _reason(exc: Exception) -> str:
    # SQLAlchemy wraps the driver's message into several lines with the whole statement.
    return str(getattr(exc, "orig", None) or exc).splitlines()[0]
