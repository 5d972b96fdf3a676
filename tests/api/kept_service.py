"""A service that keeps things: real indexes, a real database, a scripted model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from little_house import parts

from rag_router.api.app import create_app
from rag_router.api.resources import Resources
from rag_router.assembly import assemble, open_indexes
from rag_router.experts import Expert
from rag_router.settings import Settings

__all__ = ["keeping"]


@contextmanager
def keeping(folder: Path, *, expert: Expert | None = None, **more: Any) -> Iterator[TestClient]:
    """A client of a service in this folder, once it is ready."""
    settings = Settings(home=folder / "home", **more)
    made = parts(folder, expert=expert)
    made = replace(made, indexes=open_indexes(settings, made.embedder))
    app = create_app(
        lambda: assemble(settings, made), settings.limits, resources=Resources.open(settings)
    )
    with TestClient(app) as client:
        for _ in range(10_000):
            if client.get("/health/ready").status_code == 200:
                break
        else:
            raise AssertionError("it never got ready")
        yield client
