from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_router.store.database import ServiceDatabase
from rag_router.store.migrating import upgrade


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[ServiceDatabase]:
    """A service's database, with its tables."""
    made = ServiceDatabase.at(tmp_path / "service.sqlite")
    upgrade(made.engine)
    yield made
    made.close()
