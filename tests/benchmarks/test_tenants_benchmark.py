"""Two tenants attack each other over real connections: here a hundred times, elsewhere more."""

from __future__ import annotations

import random
from contextlib import contextmanager

import pytest
from live_service import served

from benchmarks.tenants import attacked, key_for_tenant, planted, scripted_with_indexes, send
from benchmarks.tenants_attempts import KINDS, Attempt, attempts
from rag_router.api.app import create_app
from rag_router.api.resources import Resources
from rag_router.settings import LimitSettings, Settings


@contextmanager
def running(home):
    settings = Settings(home=home)
    app = create_app(
        lambda: scripted_with_indexes(settings),
        LimitSettings(),
        resources=Resources.open(settings),
    )
    with served(app) as base:
        yield base.removeprefix("http://")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    keys = {name: key_for_tenant(home, name) for name in ("acme", "globex")}
    with running(home) as address:
        yield address, [planted(address, name, key) for name, key in keys.items()]


def test_a_hundred_attempts_show_nothing_and_change_nothing(both):
    address, tenants = both
    found = attacked(address, tenants, count=100, seed=1)
    assert found["attempts"] == 100
    assert set(found["kinds"]) >= {name for name, _ in KINDS} - {"headers", "keys"}
    assert (found["foreign_bytes_seen"], found["changed"], found["server_errors"]) == (0, 0, 0)
    # What is searched for is there, and each sees all of its own.
    assert found["marks_their_own_see"] == found["marks"] == 36


def test_a_leak_would_be_seen(both):
    address, (acme, _) = both
    # With the victim's own key, the same attempts come upon marks.
    told = [
        send(address, one, acme.key)[1]
        for one in attempts(acme.known, 24, seed=2)
        if one.key is None and one.method == "GET"
    ]
    assert any(mark.encode() in text for text in told for mark in acme.marks)


def test_attempts_are_the_same_for_a_seed_and_hold_no_mark(both):
    _, (acme, _) = both
    one, again = (list(attempts(acme.known, 160, seed=3)) for _ in range(2))
    assert one == again
    assert one != list(attempts(acme.known, 160, seed=4))
    whole = "".join(f"{each.target}{each.headers}{each.body!r}" for each in one)
    assert not [mark for mark in acme.marks if mark in whole]


def test_what_is_sent_is_sent_as_it_is_written(both):
    address, (acme, _) = both
    target = f"/page/../v1/documents/{random.Random(0).choice(acme.known.ids['documents'])}"
    assert send(address, Attempt("", "GET", target), acme.key)[0] == 404
