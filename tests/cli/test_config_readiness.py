"""`config check` looks at everything that the service will need."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from rag_router.artefacts import Artefact, Card
from rag_router.indices.library import Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.models.store import ModelStore
from rag_router.store.database import ServiceDatabase
from rag_router.store.migrating import downgrade, upgrade


@pytest.fixture
def config(tmp_path, tiny, embedder):
    """Write settings of models that are there, and more."""

    def write(more: str = "", *, port: int = 0, **other: str) -> Path:
        path = tmp_path / "a.toml"
        models = {"generator": tiny, "embedder": embedder, **other}
        tables = "".join(f'[{name}]\nmodel = "{model}"\n' for name, model in models.items())
        path.write_text(f"{tables}[serve]\nport = {port}\n{more}", encoding="utf-8")
        return path

    return write


@pytest.fixture
def found(run):
    """Check a file, and return what was found by what it is about, and the exit code."""

    def check(path):
        done = run("config", "check", path, "--json")
        return {one["what"]: one for one in done.json["findings"]}, done.code

    return check


def test_warnings_alone_exit_with_0_and_every_one_says_what_to_do(run, config, found):
    findings, code = found(config())
    assert code == 0
    warned = {what for what, one in findings.items() if one["status"] == "warning"}
    assert warned == {"indexes", "gate p_ik", "filter learned"}
    assert all(findings[what]["hint"] for what in warned)
    assert {one["status"] for one in findings.values()} == {"ok", "warning"}
    assert {"extra api", "data folder", "database", "key", "port"} <= set(findings)
    out = run("config", "check", config()).out
    assert out.splitlines()[-1].endswith("a.toml is fine, with 3 warning(s).")


def test_nothing_is_made_by_looking(config, found, tmp_path):
    findings, _ = found(config())
    assert findings["database"]["said"].endswith("service.sqlite, which will be made")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("part", ["generator", "embedder"])
def test_a_model_that_is_not_there_is_an_error(config, found, part):
    findings, code = found(config(**{part: "gemma-3-270m"}))
    assert code == 4
    assert findings["model gemma-3-270m"]["status"] == "error"
    assert "models fetch gemma-3-270m" in findings["model gemma-3-270m"]["hint"]


def test_a_model_that_is_done_without_is_a_warning(config, found):
    findings, code = found(config('[retriever]\nname = "reranked"\n'))
    name = "hf:cross-encoder/ms-marco-MiniLM-L6-v2"
    one = findings[f"model {name}"]
    assert (one["status"], one["hint"], code) == ("warning", f"rag-router models fetch {name}", 0)


def test_a_model_in_a_folder_that_is_not_there_is_an_error(config, found, tmp_path):
    findings, code = found(config(f'[retriever]\nname = "reranked"\nmodel = "path:{tmp_path}"\n'))
    assert (findings[f"model path:{tmp_path}"]["status"], code) == ("error", 4)


def artefact(folder, method, fingerprint):
    card = Card(
        method=method,
        model="some",
        model_fingerprint=fingerprint,
        prompt_hash="p",
        data_hash="d",
        date="2026-11-22",
        metrics={},
    )
    Artefact(card=card, weights={"a": np.zeros(1)}).save(folder)
    return folder


@pytest.mark.parametrize(
    ("method", "other", "said"),
    [
        ("gate/p_ik", False, ""),
        ("gate/p_ik", True, "was fitted on model"),
        ("gate/thrust", False, "was fitted for gate/thrust, not for gate/p_ik"),
    ],
)
def test_what_was_learned_must_fit(config, found, tiny, tmp_path, method, other, said):
    fingerprint = "x" * 64 if other else ModelStore().resolve(tiny).fingerprint
    folder = artefact(tmp_path / "p_ik", method, fingerprint)
    gate = f'[gate]\nname = "p_ik"\nartefact = "{folder}"\n'
    findings, code = found(config(gate))
    one = findings["gate p_ik"]
    assert (one["status"], code) == (("error", 4) if said else ("ok", 0))
    assert said in one["said"]
    if not said:
        (folder / "weights.safetensors").write_bytes(b"broken")
        findings, code = found(config(gate))
        assert (findings["gate p_ik"]["hint"], code) == ("Fit it again.", 4)


def test_an_index_that_is_not_there_is_an_error(config, found, tmp_path):
    path = config()
    path.write_text('indexes = ["handbok"]\n' + path.read_text())
    findings, code = found(path)
    assert (findings["indexes"]["status"], code) == ("error", 2)
    assert findings["indexes"]["hint"] == "Make it: rag-router index add NAME PATH"


def test_an_index_of_an_embedder_that_is_not_there_is_told(config, found, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"id": "a", "title": "", "text": "Some words."}) + "\n")
    Library(tmp_path / "home").add("mine", [rows], HashingEmbedder())
    findings, code = found(config())
    one = findings["index mine"]
    assert (one["status"], code) == ("warning", 0)
    assert one["said"].startswith("1 passages of 1 documents, built with hashing")


def test_the_tables_may_be_older_and_not_newer(config, found, tmp_path):
    database = ServiceDatabase.at(tmp_path / "home" / "service.sqlite")
    upgrade(database.engine)
    assert found(config())[0]["database"]["status"] == "ok"
    downgrade(database.engine, "0001")
    findings, code = found(config())
    assert (findings["database"]["status"], code) == ("warning", 0)
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    findings, code = found(config())
    assert (findings["database"]["status"], code) == ("error", 4)
    assert "newer rag-router" in findings["database"]["said"]


def test_a_database_that_does_not_answer_is_an_error(config, found, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "service.sqlite").write_bytes(b"no database" * 100)
    findings, code = found(config())
    assert (findings["database"]["status"], code) == ("error", 4)


def test_a_url_with_a_password_is_an_error_and_not_shown(config, found):
    findings, code = found(config('[store]\nurl = "postgresql://rag:secret@nowhere/rag"\n'))
    assert (findings["database"]["status"], code) == ("error", 2)
    assert "secret" not in json.dumps(findings)


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        ('host = "0.0.0.0"\n', "would let everybody on the network ask without a key"),
        ('key_env = "SHORT"\n', "has 5 characters; 16 are the least"),
        ('key_env = "NOWHERE"\n', "NOWHERE"),
        ('key_file = "/nowhere/key"\n', "/nowhere/key"),
    ],
)
def test_a_key_that_will_not_do_is_an_error(config, found, monkeypatch, serve, said):
    monkeypatch.setenv("SHORT", "short")
    findings, code = found(config(serve))
    assert (findings["key"]["status"], code) == ("error", 2)
    assert said in findings["key"]["said"]
    assert findings["key"]["hint"]


def test_a_port_that_somebody_else_listens_at_is_an_error(config, found):
    with socket.create_server(("127.0.0.1", 0)) as other:
        findings, code = found(config(port=other.getsockname()[1]))
    assert (findings["port"]["status"], code) == ("error", 4)
    assert "nothing can listen at 127.0.0.1:" in findings["port"]["said"]


class Ours(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')

    def log_message(self, *_):
        pass


def test_a_service_that_runs_there_already_is_a_warning(config, found):
    with HTTPServer(("127.0.0.1", 0), Ours) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        findings, code = found(config(port=server.server_address[1]))
        server.shutdown()
    assert (findings["port"]["status"], code) == ("warning", 0)


def test_a_home_that_cannot_be_one_is_an_error(run, config, found, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RAG_ROUTER_HOME", str(tmp_path / "file" / "home"))
    findings, code = found(config())
    assert (findings["data folder"]["status"], code) == ("error", 4)


def test_the_environment_alone_can_be_checked(run, tiny, embedder, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_GENERATOR__MODEL", tiny)
    monkeypatch.setenv("RAG_ROUTER_EMBEDDER__MODEL", embedder)
    monkeypatch.setenv("RAG_ROUTER_SERVE__PORT", "0")
    done = run("config", "check")
    assert done.code == 0
    assert done.out.splitlines()[-1].startswith("the environment is fine")
