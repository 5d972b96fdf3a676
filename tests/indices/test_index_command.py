from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from made import pdf

from rag_router.cli.index import index
from rag_router.errors import (
    DocumentError,
    IndexCorruptError,
    RagRouterError,
    SettingsError,
    UnknownNameError,
    UsageError,
)
from rag_router.indices import Library
from rag_router.models.scripted import Reply, ScriptedModel
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

    invoke.obj = settings
    return invoke


def test_add_prints_one_document_and_is_idempotent(run, corpus):
    (corpus / "x.odt").write_text("x")
    first = run("add", "world", corpus)
    assert (first["index"], first["added"], first["passages"], first["generation"]) == (
        ("world", 2, 3, 1)
    )
    assert first["skipped"] == [
        {
            "place": str(corpus),
            "reason": ".odt: not a kind of file this reads",
            "count": 1,
            "broken": False,
        }
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


def test_search_says_why_terms_similarity_and_who_found_it(run, corpus):
    run("add", "world", corpus)
    best = run("search", "world", "What is the capital of France?")["hits"][0]
    assert (best["index"], best["terms"]) == ("world", ["capital", "france"])
    assert [(found["retriever"], found["rank"]) for found in best["found_by"]] == [
        ("sparse", 1),
        ("dense", 1),
    ]
    shown = run("search", "world", "capital of France", "--retriever", "fused", lines=True)
    assert "shares capital, france; similarity " in shown
    assert "found in world by fused, by sparse (rank 1, score " in shown
    alone = run("search", "world", "capital of France", "--retriever", "sparse", lines=True)
    assert "found in world by sparse: shares capital, france" in alone


def test_search_tells_the_pages_and_what_a_retriever_does_without(run, tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf(["Rome is old."], ["Oslo is cold."]))
    run("add", "world", tmp_path / "a.pdf")
    found = run("search", "world", "Rome", "--retriever", "reranked")
    assert found["hits"][0]["meta"] == {"pages": 2, "page": 1, "last_page": 2}
    assert "not reranked" in found["degraded"][0]
    assert "[a.pdf#0], pages 1-2" in run("search", "world", "Rome", lines=True)


def test_broken_files_are_left_out_when_told_to_keep_going(run, corpus):
    (corpus / "cut.pdf").write_bytes(b"%PDF-1.4\n")
    with pytest.raises(DocumentError, match=r"cut\.pdf is cut off"):
        run("add", "world", corpus)
    assert run("list")["indices"] == []
    report = run("add", "world", corpus, "--keep-going")
    assert report["added"] == 2
    assert [(one["place"], one["broken"]) for one in report["skipped"]] == [
        (str(corpus / "cut.pdf"), True)
    ]


def test_limits_of_documents_come_from_the_settings(run, tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf(["one"], ["two"]))
    (tmp_path / "settings.toml").write_text("[documents]\npages = 1\n")
    with pytest.raises(DocumentError, match="has 2 pages, more than 1"):
        run("add", "world", tmp_path / "a.pdf", "--config", tmp_path / "settings.toml")


def test_the_chunker_is_chosen_by_name(run, corpus, tmp_path):
    run("add", "world", corpus, "--chunker", "granular", "--passage-tokens", 40)
    manifest = Library(tmp_path / "home").manifest("world")
    assert manifest.chunker == {"kind": "granular", "max_tokens": 40}
    with pytest.raises(UnknownNameError, match="Did you mean 'heading'"):
        run("add", "world", corpus, "--chunker", "headings")


def test_questions_that_documents_come_with_are_kept_for_the_scenario_retriever(run, write_jsonl):
    rows = [
        {"id": "a", "text": "Six bar and it opens.", "questions": ["When does the valve open?"]},
        {"id": "b", "text": "Paris lies on the Seine."},
    ]
    run("add", "works", write_jsonl(*rows))
    kept = run("scenarios", "works")
    assert (kept["given"], kept["answered"], kept["passages"]) == (1, 1, 1)
    hit = run("search", "works", "valve open when", "--retriever", "scenario")["hits"][0]
    assert hit["document_id"] == "a"
    assert "answers 'When does the valve open?'" in hit["why"]


def test_questions_are_written_where_none_are_given(run, corpus):
    run("add", "world", corpus)
    with pytest.raises(UsageError, match="says which questions it answers"):
        run("scenarios", "world")
    run.obj["load_model"] = lambda: ScriptedModel({}, otherwise=Reply(" What is the capital?"))
    assert run("scenarios", "world", "--generate")["answered"] == 3
    # What was written once is kept.
    run.obj["load_model"] = lambda: ScriptedModel({}, otherwise=Reply(" What else is there?"))
    (corpus / "new.txt").write_text("new")
    run("add", "world", corpus)
    assert run("scenarios", "world", "--generate")["passages"] == 4
    hits = run("search", "world", "What else is there?", "--retriever", "scenario")["hits"]
    assert hits[0]["document_id"] == "new.txt"
