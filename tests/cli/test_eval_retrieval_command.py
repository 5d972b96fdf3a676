from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from tiny_embedder import write_tiny_embedder

from rag_router.cli.eval_retrieval import retrieval
from rag_router.errors import (
    DataError,
    IndexUnavailableError,
    RagRouterError,
    UnknownNameError,
    UsageError,
)
from rag_router.eval.report import read_report
from rag_router.indices import Library
from rag_router.indices.scenarios import write_scenarios
from rag_router.models.embedder import load_embedder
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.models.store import ModelStore


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def run(home):
    """Run `rag-router eval retrieval ...` with an embedder that needs no weights."""

    def invoke(*arguments):
        obj = {"load_embedder": lambda name: HashingEmbedder(name=name)}
        result = CliRunner().invoke(retrieval, [str(a) for a in arguments], obj=obj)
        if isinstance(result.exception, RagRouterError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    return invoke


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    files = {
        "corpus": [
            {"id": "rome", "title": "Rome", "text": "The Tiber flows through Rome."},
            {"id": "oslo", "title": "Oslo", "text": "Oslo lies on a fjord."},
        ],
        "queries": [
            {"id": "1", "text": "Tiber in Rome"},
            {"id": "2", "text": "Oslo on a fjord"},
            {"id": "3", "text": "nobody knows"},
        ],
        "qrels": [
            {"query_id": "1", "doc_id": "rome", "relevance": 1},
            {"query_id": "2", "doc_id": "oslo", "relevance": 1},
            {"query_id": "2", "doc_id": "lost", "relevance": 1},
        ],
    }
    for name, rows in files.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def cities(home, data):
    Library(home).add("cities", [data / "corpus.jsonl"], HashingEmbedder(name="all-minilm-l6-v2"))


def test_one_document_holds_the_figures_of_every_retriever(run, cities, data):
    out = json.loads(run("--data", data, "--json").stdout)
    # Query 3 is not judged, and no index holds the document "lost".
    assert (out["n"], out["left_out"], out["missing_documents"]) == (2, 1, 1)
    assert list(out["retrievers"]) == ["sparse", "dense", "fused"]
    sparse = out["retrievers"]["sparse"]
    assert (sparse["recall@10"], sparse["mrr@10"]) == ((1 + 1 / 2) / 2, 1)
    assert {"ndcg@10", "ms_per_query"} <= sparse.keys()


def test_retrievers_queries_and_judgements_can_be_chosen(run, cities, data):
    out = json.loads(
        run(
            *("--data", data / "queries.jsonl", "--qrels", data / "qrels.jsonl"),
            *("--index", "cities", "--retriever", "dense", "--limit", 1, "--json"),
        ).stdout
    )
    assert (out["n"], list(out["retrievers"])) == (1, ["dense"])


def test_a_report_is_written_and_people_read_a_table(run, cities, data, tmp_path):
    shown = run("--data", data, "--out", tmp_path / "out")
    assert "sparse" in shown.stdout
    assert "1 relevant documents are in no index" in shown.stderr
    report = read_report(tmp_path / "out")
    assert (report.kind, report.title, len(report.questions)) == (
        ("retrieval", "Retrieval on set", 2)
    )
    assert "corpus.jsonl" not in {file["file"] for file in report.manifest["data"]}


def test_an_index_of_other_documents_is_refused(run, home, data, tmp_path):
    (tmp_path / "other.txt").write_text("Something else.", encoding="utf-8")
    Library(home).add("other", [tmp_path / "other.txt"], HashingEmbedder(name="all-minilm-l6-v2"))
    with pytest.raises(DataError, match="none of 3 relevant documents") as caught:
        run("--data", data)
    assert "rag-router index add NAME corpus.jsonl.gz" in caught.value.hint


def test_what_cannot_be_measured_says_so(run, cities, data, tmp_path):
    with pytest.raises(UnknownNameError, match="no retriever named 'sparce'"):
        run("--data", data, "--retriever", "sparce")
    with pytest.raises(UnknownNameError, match="no index named 'towns'"):
        run("--data", data, "--index", "towns")
    with pytest.raises(DataError):
        run("--data", tmp_path / "nowhere")


def test_an_index_of_another_embedder_is_refused(run, home, data):
    Library(home).add("cities", [data / "corpus.jsonl"], HashingEmbedder(dimension=8))
    with pytest.raises(IndexUnavailableError, match="was built with embedder 'hashing'"):
        run("--data", data)


def test_each_index_is_asked_with_its_own_embedder(run, cities, home, data, tmp_path):
    own = load_embedder(ModelStore().resolve(f"path:{write_tiny_embedder(tmp_path / 'tiny')}"))
    (tmp_path / "bergen.txt").write_text("Bergen lies between seven mountains.")
    Library(home).add("more", [tmp_path / "bergen.txt"], own)
    out = tmp_path / "report"
    run("--data", data, "--retriever", "dense", "--out", out)
    report = read_report(out)
    assert own.fingerprint in json.dumps(report.manifest["models"])
    # The best of both indices share a rank, and "bergen" comes before "oslo" and "rome".
    assert report.summary["retrievers"]["dense"]["mrr@10"] == 1 / 2


def test_questions_beside_an_index_count_for_the_retriever_that_uses_them(run, home, data):
    embedder = HashingEmbedder(name="all-minilm-l6-v2")
    (data / "queries.jsonl").write_text('{"id": "1", "text": "zzz qqq"}')
    (data / "qrels.jsonl").write_text('{"query_id": "1", "doc_id": "rome", "relevance": 1}')
    library = Library(home)
    library.add("cities", [data / "corpus.jsonl"], embedder)
    index = library.open("cities", embedder)
    passages = {p.id: p for p in index.passages(range(len(index)))}
    write_scenarios(library, "cities", {"rome#0": ["zzz qqq"]}, passages, embedder)
    shown = run("--data", data, "--json", "--retriever", "scenario").stdout
    assert json.loads(shown)["retrievers"]["scenario"]["mrr@10"] == 1


def test_without_an_index_there_is_nothing_to_search(run, data):
    with pytest.raises(UsageError, match="there is no index to search") as caught:
        run("--data", data)
    assert "rag-router index add" in caught.value.hint
