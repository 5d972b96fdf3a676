"""Both databases that a service may keep its things in, with its tables, empty."""

from __future__ import annotations

import pytest
from postgres import an_empty_database

from rag_router.store.database import ServiceDatabase
from rag_router.store.migrating import upgrade


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def bare(request, tmp_path):
    """A database without tables."""
    if request.param == "sqlite":
        made = ServiceDatabase.at(tmp_path / "home" / "service.sqlite")
        yield made
        made.close()
        return
    with an_empty_database() as url:
        made = ServiceDatabase(url)
        yield made
        made.close()


@pytest.fixture
def database(bare):
    upgrade(bare.engine)
    return bare
