from __future__ import annotations

import pytest
from little_house import CORPORA, write_jsonl

from rag_router.indices.library import Library
from rag_router.models.scripted_embedder import HashingEmbedder


def findings(done) -> dict[str, dict]:
    return {finding["what"]: finding for finding in done.json["findings"]}


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "home")
    rows = write_jsonl(tmp_path / "towns.jsonl", CORPORA["towns"])
    library.add("towns", [rows], HashingEmbedder())
    return library


def test_an_empty_store_is_missing_models_and_exits_with_4(run, tmp_path):
    done = run("doctor", "--json")
    assert done.code == 4
    assert done.json["ok"] is False
    found = findings(done)
    missing = {what for what, finding in found.items() if not finding["ok"]}
    assert (
        {"model gemma-3-270m", "model all-minilm-l6-v2"}
        <= missing
        <= ({"model gemma-3-270m", "model all-minilm-l6-v2", "disk"})
    )
    assert "rag-router models fetch gemma-3-270m" in found["model gemma-3-270m"]["said"]
    assert found["data folder"]["said"] == str(tmp_path / "home")
    assert found["python"]["ok"]
    assert "pip" in found


def test_people_read_a_line_for_each_finding(run):
    done = run("doctor")
    assert done.code == 4
    lines = done.out.splitlines()
    assert any(line.startswith("ok   python: 3.") for line in lines)
    assert any(line.startswith("miss model gemma-3-270m: ") for line in lines)


def test_the_models_that_the_settings_name_are_looked_for(run, tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_GENERATOR__MODEL", f"path:{tmp_path}/mine")
    found = findings(run("doctor", "--json"))
    assert not found[f"model path:{tmp_path}/mine"]["ok"]
    assert "model gemma-3-270m" not in found


def test_offline_needs_no_pip(run):
    assert "pip" not in findings(run("doctor", "--offline", "--json"))


def test_every_index_is_read_and_a_broken_one_named(run, library, tmp_path):
    assert findings(run("doctor", "--json"))["index towns"] == (
        {"what": "index towns", "ok": True, "said": "1 passages"}
    )
    next(library.folder.rglob("vectors.faiss")).write_bytes(b"broken")
    broken = findings(run("doctor", "--json"))["index towns"]
    assert not broken["ok"]
    assert "vectors.faiss" in broken["said"]


def test_the_indexes_of_the_settings_are_looked_for_and_those_they_trust(run, library, tmp_path):
    assert library.folder.exists()
    assert findings(run("doctor", "--json"))["indexes"]["said"] == "towns"
    path = tmp_path / "a.toml"
    path.write_text("[trust]\ntown = 0.0\n")
    missed = findings(run("doctor", "--config", path, "--json"))["indexes"]
    assert not missed["ok"]
    assert "Did you mean 'towns'?" in missed["said"]


def test_a_home_that_cannot_be_made_is_a_finding(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RAG_ROUTER_HOME", str(tmp_path / "file" / "home"))
    done = run("doctor", "--json")
    assert done.code == 4
    assert not findings(done)["data folder"]["ok"]


def test_wrong_settings_are_a_usage_error_and_no_finding(run):
    run("doctor", "--config", "none.toml").refused(2)
