"""Leaving nothing of deleted rows in the files of a database, as far as it can be asked to.

SQLite is written anew, and what stood in its write-ahead log is cut off. Of PostgreSQL the tables
are written anew; its own write-ahead log, its replicas and its backups are whoever's who runs it.
"""

from __future__ import annotations

import time
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from rag_router.errors import BusyError, UnavailableError
from rag_router.store.database import ServiceDatabase
from rag_router.store.service_tables import ServiceTables

__all__ = ["scrub"]

_PATIENCE_S: Final = 20.0
"""How long those are waited for who read meanwhile."""


def scrub(database: ServiceDatabase) -> None:
    """Write the files of a database anew.

    Raises:
        BusyError: somebody reads for so long that it cannot be done now.
        UnavailableError: the database cannot be used.
    """
    alone = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    try:
        if database.engine.dialect.name == "sqlite":
            _sqlite(database)
            return
        with alone.connect() as connection:
            for table in ServiceTables.metadata.sorted_tables:
                connection.execute(text(f'VACUUM (FULL) "{table.name}"'))
    except SQLAlchemyError as exc:
        cause = str(getattr(exc, "orig", None) or type(exc).__name__).splitlines()[0]
        raise UnavailableError(
            f"the service's database cannot be written anew: {cause}.",
            hint="It must belong to whoever the service runs as, and need as much space again.",
        ) from exc


def _sqlite(database: ServiceDatabase) -> None:
    # SQLAlchemy begins a transaction for whatever it does, and this must stand in none.
    raw = database.engine.raw_connection()
    try:
        connection = raw.driver_connection
        assert connection is not None
        ends = time.monotonic() + _PATIENCE_S
        while True:
            try:
                connection.execute("VACUUM")
                busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy:
                    return
                problem = "somebody reads"
            except connection.OperationalError as exc:
                if "locked" not in str(exc) and "busy" not in str(exc):
                    raise UnavailableError(
                        f"the service's database cannot be written anew: {exc}.",
                        hint="See to free space: it needs as much again.",
                    ) from exc
                problem = str(exc)
            if time.monotonic() > ends:
                raise BusyError(
                    f"the service's database cannot be written anew now: {problem}.",
                    hint="It is tried again.",
                )
            time.sleep(0.05)
    finally:
        raw.close()
