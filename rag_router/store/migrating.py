"""Bringing the tables of a service to a version, upwards and downwards, with Alembic.

The steps are shipped with the package (`migrations/versions`). Two services that start at once
take turns, and the second one finds nothing to do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from rag_router.errors import UnavailableError

__all__ = ["NEWEST", "downgrade", "standing", "upgrade", "version_of"]

NEWEST: Final = "head"
"""The version that this package works with."""

_TURN: Final = Lock()
"""Of the threads of this process: Alembic keeps what it works on in modules."""

_OURS: Final = 7_219_048_113
"""A number that nobody else locks PostgreSQL by."""


def upgrade(engine: Engine, to: str = NEWEST) -> None:
    """Bring the tables up to a version; one that is reached already costs one look.

    Raises:
        UnavailableError: the database cannot be used, or was made by a newer package.
    """
    _run(engine, to, lambda script, revision: script._upgrade_revs(to, revision))


def downgrade(engine: Engine, to: str) -> None:
    """Bring the tables down to a version; "base" takes all of them away.

    Raises:
        UnavailableError: the database cannot be used.
    """
    _run(engine, to, lambda script, revision: script._downgrade_revs(to, revision))


def version_of(engine: Engine) -> str | None:
    """Return the version of the tables; None where there are none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def standing(engine: Engine) -> Literal["none", "older", "newest", "unknown"]:
    """Tell how the tables stand to this package; unknown are those of a newer one.

    Raises:
        UnavailableError: the database cannot be used.
    """
    try:
        found = version_of(engine)
    except SQLAlchemyError as exc:
        cause = str(getattr(exc, "orig", None) or exc).splitlines()[0]
        raise UnavailableError(
            f"the database cannot be used: {cause}.",
            hint="See whether it runs, and who may use it.",
        ) from exc
    if found is None:
        return "none"
    _, script = _script()
    if found == script.get_current_head():
        return "newest"
    known = {step.revision for step in script.walk_revisions()}
    return "older" if found in known else "unknown"


def _run(engine: Engine, to: str, steps: Callable[[ScriptDirectory, Any], Any]) -> None:
    config, script = _script()
    environment = EnvironmentContext(
        config, script, fn=lambda revision, _: steps(script, revision), destination_rev=to
    )
    try:
        with (
            _TURN,
            environment,
            engine.execution_options(writes=True).connect() as connection,
            connection.begin(),
        ):
            _take_turn(connection)
            environment.configure(connection=connection, transactional_ddl=True)
            environment.run_migrations()
    except (SQLAlchemyError, sqlite3.Error, CommandError) as exc:
        cause = str(getattr(exc, "orig", None) or exc).splitlines()[0]
        raise UnavailableError(
            f"the tables of the service cannot be brought to version {to!r}: {cause}.",
            hint="See whether the database runs, and was not made by a newer rag-router.",
        ) from exc


def _take_turn(connection: Connection) -> None:
    # SQLite has taken the lock already, when the transaction began.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:ours)"), {"ours": _OURS})


def _script() -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config, ScriptDirectory.from_config(config)
