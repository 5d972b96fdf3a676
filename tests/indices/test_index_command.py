from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from rag_router.cli.index import index
from rag_router.errors import (
    DocumentError,
    IndexCorruptError,
    RagRouterError,
    SettingsError,
    UnknownNameError,
)
from rag_router.models.scripted_embedder import HashingEmbedder


@pytest.fixture
def run(tmp_path):
    """Run `rag-router index ...`, and return its JSON document."""
    settings = {"home": tmp_path / "home", "load_embedder": lambda name: HashingEmbedder(name=name)}

    def invoke(*arguments, lines=False):
        shown = [] if lines else ["--json"]
        result = CliRunner().invoke(index, [*map(str, arguments), *shown], obj=settings)
        if isinstance(result.exception, RagRouterError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout if lines else json.loads(result.stdout)

    return invoke


def test_add_prints_one_document_and_is_idempotent(run, corpus):
    (corpus / "x.pdf").write_text("x")
    first = run("add", "world", corpus)
    assert (first["index"], first["added"], first["passages"], first["generation"]) == (
        ("world", 2, 3, 1)
    )
    assert first["skipped"] == [
        {"place": str(corpus), "reason": ".pdf: not a kind of file this reads", "count": 1}
    ]
    again = run("add", "world", corpus)
    assert (again["added"], again["unchanged"], again["generation"]) == (0, 2, 1)


@pytest.mark.parametrize("retriever", ["fused", "sparse", "dense"])
def test_search_finds_the_passage_with_the_answer(run, corpus, retriever):
    run("add", "world", corpus)
    found = run("search", "world", "capital of France", "-k", 2, "--retriever", retriever)
    assert (found["retriever"], len(found["hits"])) == (retriever, 2)
    best = found["hits"][0]
    assert (best["document_id"], best["rank"]) == ("paris.txt", 1)
    assert -1 <= best["similarity"] <= 1
    assert best["why"]


def test_the_other_commands_print_one_document_each(run, corpus):
    run("add", "world", corpus)
    (corpus / "new.txt").write_text("new")
    run("add", "world", corpus)
    listed = run("list")["indices"]
    assert [(i["name"], i["documents"], i["encoder"]) for i in listed] == (
        [("world", 3, "all-minilm-l6-v2")]
    )
    documents = run("documents", "world")["documents"]
    assert [(d["id"], d["passages"]) for d in documents] == (
        [("paris.txt", 1), ("rome.md", 2), ("new.txt", 1)]
    )
    assert run("verify", "world")["ok"] is True
    assert run("rollback", "world")["generation"] == 1
    assert run("remove", "world", "--yes") == {"index": "world", "removed": True}
    assert run("list") == {"indices": []}


def test_people_read_lines(run, corpus):
    assert "2 added" in run("add", "world", corpus, lines=True)
    assert "world: 2 documents, 3 passages" in run("list", lines=True)
    assert "paris.txt" in run("search", "world", "France", lines=True)
    assert "rome.md: Rome (2 passages" in run("documents", "world", lines=True)
    assert "whole" in run("verify", "world", lines=True)
    assert "removed" in run("remove", "world", "--yes", lines=True)


def test_what_documents_hold_does_not_steer_the_terminal(run, write_jsonl):
    run("add", "odd", write_jsonl({"id": "a", "text": "rome \u001b[31mred\u001b[0m"}))
    assert "\u001b" not in run("search", "odd", "rome", lines=True)


def test_removing_asks_first(run, corpus, tmp_path):
    run("add", "world", corpus)
    result = CliRunner().invoke(
        index, ["remove", "world"], input="n\n", obj={"home": tmp_path / "home"}
    )
    assert result.exit_code == 1
    assert result.stdout == ""
    assert run("list")["indices"]


def test_an_index_keeps_its_embedder_unless_another_is_named(run, corpus):
    run("add", "world", corpus, "--embedder", "mine")
    run("add", "world", corpus)
    assert run("list")["indices"][0]["encoder"] == "mine"


def test_mistakes_are_errors_of_ours(run, corpus, tmp_path):
    run("add", "world", corpus)
    with pytest.raises(UnknownNameError, match="Did you mean 'world'"):
        run("search", "wrld", "Rome")
    with pytest.raises(UnknownNameError, match="Did you mean 'fused'"):
        run("search", "world", "Rome", "--retriever", "fusd")
    with pytest.raises(SettingsError, match="retriever 'fused': k"):
        run("search", "world", "Rome", "-k", 0)
    with pytest.raises(DocumentError, match="does not exist"):
        run("add", "world", tmp_path / "missing")
    with pytest.raises(SettingsError, match="cannot be the name of an index"):
        run("add", "No Name", corpus)
    (tmp_path / "home" / "indices" / "world" / "generations" / "1" / "vectors.faiss").unlink()
    with pytest.raises(IndexCorruptError, match=r"vectors\.faiss"):
        run("search", "world", "Rome")


def test_a_misspelt_path_costs_no_model(corpus, tmp_path):
    def load(name):
        raise AssertionError("nothing is to be loaded")

    obj = {"home": tmp_path / "home", "load_embedder": load}
    result = CliRunner().invoke(index, ["add", "world", str(tmp_path / "missing")], obj=obj)
    assert isinstance(result.exception, DocumentError)
