"""`route`: fit, add, remove, show and fit-expert; and what `eval retrieval` makes of it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from little_house import write_jsonl

from rag_router.artefacts import Artefact
from rag_router.assembly import load_retriever
from rag_router.cli.eval_retrieval import retrieval
from rag_router.cli.route import route
from rag_router.errors import (
    ArtefactError,
    DataError,
    RagRouterError,
    SettingsError,
    UnknownNameError,
    UsageError,
)
from rag_router.indices import Library
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.settings import Component

WORDS = {
    "law": ("court", "judge", "statute"),
    "news": ("minister", "election", "strike"),
    "sport": ("goal", "match", "league"),
}
EMBEDDER = HashingEmbedder(name="all-minilm-l6-v2")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def call(home):
    def invoke(command, *arguments):
        obj = {"load_embedder": lambda name: HashingEmbedder(name=name)}
        result = CliRunner().invoke(command, [str(a) for a in arguments], obj=obj)
        if isinstance(result.exception, RagRouterError):
            raise result.exception
        assert result.exit_code == 0, (result.output, result.exception)
        return result

    return invoke


@pytest.fixture
def sets(tmp_path, home):
    """Three fields: a folder of queries and qrels each, and an index of the corpus."""
    library = Library(home)
    for name, words in WORDS.items():
        folder = tmp_path / name
        folder.mkdir()
        pairs = [f"{words[n % 3]} {words[(n + 1) % 3]}" for n in range(30)]
        write_jsonl(
            folder / "queries.jsonl",
            [{"id": f"{name}{n}", "text": f"{pair} {n}"} for n, pair in enumerate(pairs)],
        )
        write_jsonl(
            folder / "qrels.jsonl",
            [
                {"query_id": f"{name}{n}", "doc_id": f"{name}-{n % 3}", "relevance": 1}
                for n in range(30)
            ],
        )
        rows = [{"id": f"{name}-{n}", "text": pairs[n]} for n in range(3)]
        library.add(name, [write_jsonl(folder / "corpus.jsonl", rows)], EMBEDDER)
    return {name: f"{name}={tmp_path / name}" for name in WORDS}


@pytest.fixture
def fitted(call, sets, tmp_path):
    out = tmp_path / "route"
    two = ("--data", sets["law"], "--data", sets["news"])
    done = call(route, "fit", "linear", *two, "--out", out, "--json")
    assert json.loads(done.stdout)["metrics"]["right_first"] == 1
    return out


def test_a_router_is_fitted_and_shown(call, fitted):
    shown = json.loads(call(route, "show", fitted, "--json").stdout)
    assert (shown["method"], shown["model"]) == ("router/linear", "all-minilm-l6-v2")
    assert set(shown["notes"]["experts"]) == {"law", "news"}
    assert "router/linear" in call(route, "show", fitted).stdout


def test_an_expert_is_added_and_removed_and_the_others_stay(call, fitted, sets, tmp_path):
    before = Artefact.load(fitted).weights
    call(route, "add", fitted, "--data", sets["sport"], "--out", tmp_path / "three")
    after = Artefact.load(tmp_path / "three").weights
    assert all((after[name] == array).all() for name, array in before.items())
    assert "sport/curve" in after
    call(route, "remove", tmp_path / "three", "sport")
    assert Artefact.load(tmp_path / "three").weights.keys() == before.keys()
    with pytest.raises(UnknownNameError, match="no expert named 'sprot'"):
        call(route, "remove", fitted, "sprot")


def test_who_found_what_can_be_learned_from(call, sets, tmp_path):
    two = ("--data", sets["law"], "--data", sets["news"], "--index", "law", "--index", "news")
    call(route, "fit", "outcome", *two, "--out", tmp_path / "out")
    assert Artefact.load(tmp_path / "out").card.metrics["right_first"] == 1
    call(route, "fit", "pilots", *two, "--outcomes", "--out", tmp_path / "pilots")
    assert "law/pilots" in Artefact.load(tmp_path / "pilots").weights


def test_what_cannot_be_fitted_says_so(call, sets, tmp_path):
    out = ("--out", tmp_path / "out")
    with pytest.raises(UsageError, match="'all' has nothing to fit"):
        call(route, "fit", "all", "--data", sets["law"], *out)
    with pytest.raises(DataError, match="two experts or more"):
        call(route, "fit", "linear", "--data", sets["law"], *out)
    with pytest.raises(DataError, match="labelled questions, and 10 are needed"):
        call(route, "fit", "--data", sets["law"], "--data", sets["news"], "--limit", 9, *out)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "diary.txt").write_text("mine")
    with pytest.raises(ArtefactError, match="is not an artefact"):
        call(route, "fit", "--data", sets["law"], "--data", sets["news"], *out)


def test_a_fitted_router_is_used_where_settings_name_it(fitted, sets, home):
    library = Library(home)
    opened = {name: library.open(name, EMBEDDER) for name in WORDS}
    settings = Component.model_validate({"name": "routed", "artefact": str(fitted)})
    two = [opened["law"], opened["news"]]
    routed = load_retriever(settings, EMBEDDER, two)
    from rag_router.retrievers import make_queries

    hits = routed.retrieve(make_queries(["court judge", "election strike"], EMBEDDER), two)
    assert [found[0].passage.index for found in hits] == ["law", "news"]
    with pytest.raises(SettingsError, match="learned nothing of 'sport'"):
        load_retriever(settings, EMBEDDER, opened.values())
    general = Component.model_validate(
        {"name": "routed", "artefact": str(fitted), "general": "sport"}
    )
    load_retriever(general, EMBEDDER, opened.values())
    with pytest.raises(ArtefactError, match="was fitted on model"):
        load_retriever(settings, HashingEmbedder(dimension=8), two)


def test_routing_rows_stand_beside_the_retrievers(call, fitted, sets):
    two = ("--data", sets["law"], "--data", sets["news"], "--index", "law", "--index", "news")
    out = json.loads(call(retrieval, *two, "--route", fitted, "--held-out", "--json").stdout)
    rows = out["retrievers"]
    assert list(rows) == [
        *("sparse", "dense", "fused"),
        *("routed/all", "routed/linear", "routed/oracle"),
    ]
    linear = rows["routed/linear"]
    assert linear["right_first"] == 1
    assert 1 <= linear["visited"] < 2
    assert set(linear["ndcg@10_by_field"]) == {"law", "news"}
    assert linear["ndcg@10_over_fields"] == rows["routed/oracle"]["ndcg@10_over_fields"]
    assert rows["routed/all"]["visited"] == 2
    assert "right_first" not in rows["sparse"]
    shown = call(retrieval, *two, "--route", fitted).stdout
    assert "experts visited" in shown


def test_several_sets_cannot_share_one_file_of_judgements(call, sets, tmp_path):
    qrels = ("--qrels", tmp_path / "law" / "qrels.jsonl")
    with pytest.raises(UsageError, match="belong to one set"):
        call(retrieval, "--data", sets["law"], "--data", sets["news"], *qrels)


def test_an_adapter_is_trained_and_tells_what_it_brings(run, embedder, sets, tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_EMBEDDER__MODEL", embedder)
    monkeypatch.setenv("RAG_ROUTER_HOME", str(tmp_path / "other"))
    added = run("index", "add", "law", tmp_path / "law" / "corpus.jsonl", "--embedder", embedder)
    assert added.code == 0, added.err
    # Thirty questions are too few for a half to hold twenty.
    data = tmp_path / "more"
    data.mkdir()
    write_jsonl(
        data / "queries.jsonl",
        [{"id": f"q{n}", "text": f"{WORDS['law'][n % 3]} {n}"} for n in range(60)],
    )
    write_jsonl(
        data / "qrels.jsonl",
        [{"query_id": f"q{n}", "doc_id": f"law-{n % 3}", "relevance": 1} for n in range(60)],
    )
    out = tmp_path / "adapter"
    done = run(
        *("route", "fit-expert", "law", "--data", data, "--index", "law", "--out", out),
        *("--epochs", "1", "--json"),
    )
    assert done.code == 0, done.err
    card = done.json
    assert (card["method"], card["notes"]["index"]) == ("query_adapter", "law")
    assert {"ndcg@10_base", "ndcg@10", "gain"} <= card["metrics"].keys()
    refused = run(
        *("route", "fit-expert", "law", "--data", tmp_path / "law", "--index", "law"),
        *("--out", tmp_path / "few", "--limit", "20"),
    )
    assert "20 questions with relevant passages" in refused.refused(3)
