from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from rag_router.errors import UnavailableError
from rag_router.store import migrations
from rag_router.store.migrating import downgrade, upgrade, version_of
from rag_router.store.service_tables import ServiceTables

VERSIONS = Path(migrations.__file__).parent / "versions"
NEWEST_FILE = max(VERSIONS.glob("v*.py"))


def names(database):
    return set(inspect(database.engine).get_table_names()) - {"alembic_version"}


def test_the_tables_go_up_and_down_and_up_again(bare):
    assert (version_of(bare.engine), names(bare)) == (None, set())
    upgrade(bare.engine)
    assert version_of(bare.engine) == NEWEST_FILE.name[1:5]
    assert names(bare) == set(ServiceTables.metadata.tables)
    downgrade(bare.engine, "base")
    assert (version_of(bare.engine), names(bare)) == (None, set())
    upgrade(bare.engine)
    assert names(bare) == set(ServiceTables.metadata.tables)


def test_the_steps_make_just_what_the_models_say(database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, ServiceTables.metadata) == []


def test_what_is_up_to_date_stays_as_it_is(database):
    with database.writing() as session:
        session.execute(
            text(
                "INSERT INTO replies (tenant, key, request, status, body, created) "
                "VALUES ('default', 'k', 'r', 200, '{}', 0)"
            )
        )
    upgrade(database.engine)
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM replies")).scalar() == 1


def test_of_two_services_that_start_at_once_one_makes_the_tables(bare):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, [bare.engine] * 4))
    assert names(bare) == set(ServiceTables.metadata.tables)


def test_a_database_of_a_newer_version_is_refused(database):
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UnavailableError, match="9999") as caught:
        upgrade(database.engine)
    assert "newer rag-router" in caught.value.hint
