"""Keys on the command line: the service that runs beside it takes notice."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from rag_router.api.resources import Resources
from rag_router.cli.main import cli
from rag_router.errors import ConflictError, UnknownNameError, UsageError
from rag_router.settings import Settings
from rag_router.store.audit import audit_lines
from rag_router.store.collections import add_collection, places
from rag_router.store.keys import is_right, key


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_HOME", str(tmp_path / "home"))

    def run(*arguments):
        found = CliRunner().invoke(cli, arguments)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert found.exit_code == 0, found.output
        return found

    return run


@pytest.fixture
def kept(run, tmp_path):
    opened = Resources.open(Settings(home=tmp_path / "home"))
    yield opened
    opened.close()


def test_a_key_is_printed_once_by_itself(run, kept):
    found = run("key", "add", "--tenant", "acme", "--scope", "answer", "--name", "chat")
    text = found.stdout.strip()
    assert "It is not shown again." in found.stderr
    with kept.database.reading() as session:
        row = key(session, "acme", text.split("_")[1])
    assert is_right(text, row.digest, kept.secret())
    assert (row.scopes, row.name, row.expires, row.forwards) == (["answer"], "chat", None, "no")
    listed = run("key", "list")
    assert row.id in listed.output
    assert text not in listed.output


def test_a_key_that_says_nothing_asks_reads_and_says_what_was_wrong(run):
    made = json.loads(run("key", "add", "--json").stdout)
    assert (made["tenant"], made["scopes"]) == ("default", ["answer", "feedback", "read"])
    assert made["user_secret"] is None


def test_where_users_must_be_signed_the_secret_comes_with_the_key(run):
    found = run("key", "add", "--trust-forwarded-user", "signed", "--days", "2", "--json")
    made = json.loads(found.stdout)
    assert len(bytes.fromhex(made["user_secret"])) == 32
    shown = json.loads(run("key", "list", "--json").stdout)["keys"][0]
    assert made["key"] not in json.dumps(shown)
    assert made["user_secret"] not in json.dumps(shown)
    assert shown["expires_at"] > shown["created_at"]


def test_keys_are_exchanged_and_revoked(run):
    made = json.loads(run("key", "add", "--json").stdout)
    new = json.loads(run("key", "rotate", made["id"], "--grace-hours", "2", "--json").stdout)
    assert new["key"] != made["key"]
    run("key", "revoke", new["id"])
    states = {one["id"]: one for one in json.loads(run("key", "list", "--json").stdout)["keys"]}
    assert states[new["id"]]["state"] == "revoked"
    assert (states[made["id"]]["state"], states[made["id"]]["successor"]) == ("open", new["id"])
    with pytest.raises(ConflictError, match="has ended"):
        run("key", "rotate", new["id"])
    with pytest.raises(UnknownNameError, match="no key named"):
        run("key", "revoke", "0" * 16)


def test_without_keys_the_list_says_how_to_make_one(run):
    assert "rag-router key add" in run("key", "list").output


def test_an_index_is_shared_with_all_tenants_and_no_longer(run, kept):
    with kept.database.writing() as session:
        add_collection(session, "default", "handbook", now=0.0)
        add_collection(session, "acme", "own", now=0.0)
    run("index", "share", "handbook")
    with kept.database.reading() as session:
        assert places(session, "globex") == {"handbook": "handbook"}
    assert json.loads(run("index", "share", "handbook", "--off", "--json").stdout) == {
        "name": "handbook",
        "shared": False,
    }
    with kept.database.reading() as session:
        assert places(session, "globex") == {}
        lines = audit_lines(session, limit=9).rows
    assert [(line.action, line.target, line.key) for line in lines] == [
        ("index unshare", "handbook", "cli"),
        ("index share", "handbook", "cli"),
    ]
    with pytest.raises((UnknownNameError, UsageError), match="no collection named 'own'"):
        run("index", "share", "own")
