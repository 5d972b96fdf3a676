"""The SQLite file that outcomes and records are kept in.

Every batch is committed before the next one starts, so that a run that is killed loses at most
one. Several processes may use one file at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, String, create_engine, delete, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateIndex, CreateTable

from rag_router.errors import UnavailableError
from rag_router.store.write_ahead import write_ahead

__all__ = ["CHUNK", "Database", "OutcomeRow", "RecordRow"]

CHUNK = 500
"""Keys in one query; SQLite allows 32,766 variables, older builds 999."""


_PATIENCE_S = 60
"""How long a process waits for another one that writes."""


class _Tables(DeclarativeBase):
    pass


class OutcomeRow(_Tables):
    """What a model answered."""

    __tablename__ = "outcomes"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(64), index=True)
    answer: Mapped[str]
    logprobs: Mapped[str]


class RecordRow(_Tables):
    """Anything else that was computed for a question, as bytes."""

    __tablename__ = "records"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), index=True)
    body: Mapped[bytes]


class Database:
    """A file with both tables.

    Args:
        path: The SQLite file; made if it is not there.

    Raises:
        UnavailableError: the file cannot be opened or is not such a database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = _engine(path)
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            _make_tables(self._engine)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session; what was done is kept when it ends without an error.

        Raises:
            UnavailableError: the file cannot be used.
        """
        with self._translated(), Session(self._engine) as session, session.begin():
            yield session

    def empty(self) -> int:
        """Delete every row, and return how many there were; freed pages are overwritten.

        Raises:
            UnavailableError: the file cannot be used.
        """
        engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with self._translated(), engine.connect() as connection:
            connection.execute(text("PRAGMA secure_delete=ON"))
            gone = sum(connection.execute(delete(row)).rowcount for row in (OutcomeRow, RecordRow))
            connection.execute(text("VACUUM"))
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        return gone

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError) as exc:
            # SQLAlchemy's own text adds the statement and a link; the cause alone is readable.
            cause = getattr(exc, "orig", None) or exc
            raise UnavailableError(
                f"the outcome cache {self._path} cannot be used: {cause}.",
                hint="Delete the file to start afresh, or name another one.",
            ) from exc


def _make_tables(engine: Engine) -> None:
    # `create_all` looks first and makes then; of two processes that begin at once, one would fail.
    with engine.begin() as connection:
        for table in _Tables.metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in sorted(table.indexes, key=lambda one: str(one.name)):
                connection.execute(CreateIndex(index, if_not_exists=True))


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _PATIENCE_S})

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        write_ahead(connection, patience_s=_PATIENCE_S)
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
