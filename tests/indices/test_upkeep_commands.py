"""The commands that keep an index small, clean and safe, as somebody types them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from rag_router.cli.backup import backup
from rag_router.cli.index import index
from rag_router.errors import RagRouterError, SettingsError, UnknownNameError
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.outcomes import RecordCache


@pytest.fixture
def run(tmp_path):
    settings = {"home": tmp_path / "home", "load_embedder": lambda name: HashingEmbedder(name=name)}

    def invoke(*arguments, command=index, lines=False):
        shown = [] if lines else ["--json"]
        result = CliRunner().invoke(command, [*map(str, arguments), *shown], obj=settings)
        if isinstance(result.exception, RagRouterError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout if lines else json.loads(result.stdout)

    return invoke


@pytest.fixture
def years(write_jsonl):
    rows = ({"id": f"y{n}", "text": f"A landing, {n}.", "meta": {"year": n}} for n in range(5))
    return write_jsonl(*rows)


def test_search_applies_conditions_and_says_why_it_found_what_it_found(run, years):
    run("add", "landings", years)
    found = run("search", "landings", "landing", "--where", "year>=3", "--retriever", "sparse")
    assert sorted(hit["document_id"] for hit in found["hits"]) == ["y3", "y4"]
    lines = run("search", "landings", "landings", "--where", "year=2", lines=True)
    assert "shares landings" in lines
    assert "similarity" in lines
    with pytest.raises(UnknownNameError, match="Did you mean 'year'"):
        run("search", "landings", "landing", "--where", "yeer=1")
    with pytest.raises(SettingsError, match="is no condition"):
        run("search", "landings", "landing", "--where", "year")


def test_delete_erases_documents_and_forgets_what_may_quote_them(run, years, tmp_path):
    run("add", "landings", years)
    cache = RecordCache(tmp_path / "home" / "outcomes.sqlite")
    cache.put("answer", {"digest": b"it said: A landing, 1."})
    cache.put("verdict", {"other": b"0.5"})
    cache._database.close()
    erased = run("delete", "landings", "y1", "y2")
    assert (erased["documents"], erased["generation"], erased["forgotten"]) == (["y1", "y2"], 2, 2)
    assert b"A landing, 1." not in (tmp_path / "home" / "outcomes.sqlite").read_bytes()
    assert "1 documents with 1 passages erased" in run("delete", "landings", "y3", lines=True)
    assert [d["id"] for d in run("documents", "landings")["documents"]] == ["y0", "y4"]


def test_outcomes_are_kept_when_asked_to(run, years, tmp_path):
    run("add", "landings", years)
    cache = RecordCache(tmp_path / "home" / "outcomes.sqlite")
    cache.put("answer", {"digest": b"unrelated"})
    assert run("delete", "landings", "y1", "--keep-outcomes")["forgotten"] == 0
    assert cache.get(["digest"]) == {"digest": b"unrelated"}


def test_compact_drops_older_generations(run, years, write_jsonl):
    run("add", "landings", years)
    run("add", "landings", write_jsonl({"id": "more", "text": "More."}, name="more.jsonl"))
    compacted = run("compact", "landings")
    assert (compacted["generation"], compacted["format"]) == (3, 2)
    assert compacted["vectors"]["kind"] == "flat"
    assert "generation 4 in format 2" in run("compact", "landings", lines=True)


def test_a_backup_is_made_of_all_or_of_one_and_brought_back(run, years, corpus, tmp_path):
    run("add", "landings", years)
    run("add", "world", corpus)
    safe = tmp_path / "safe"
    assert run(safe, command=backup)["indexes"] == {"landings": 5, "world": 3}
    assert "1 indexes" in run(safe, "--index", "world", command=backup, lines=True)
    run("delete", "landings", "y0")
    assert run("restore", "landings", safe)["documents"] == 5
    assert "restored" in run("restore", "world", safe, lines=True)


def test_clean_up_is_an_option_of_add(run, corpus):
    run("add", "world", corpus)
    (corpus / "paris.txt").unlink()
    assert run("add", "world", corpus, "--cleanup", "scoped")["removed"] == 1


def distinct_questions(count):
    """Questions that the stand-in for an embedder tells apart, which has few dimensions."""
    embedder, found = HashingEmbedder(), {}
    for number in range(1000):
        question = f"What is number{number}, and where is part{number * 7}?"
        found.setdefault(embedder.encode_queries([question])[0].round(4).tobytes(), question)
    rows = [{"question": q, "answers": [f"topic{n}"]} for n, q in enumerate(found.values())]
    assert len(rows) >= count
    return rows[:count]


def test_a_memory_is_filled_fitted_and_searched(run, write_jsonl):
    asked = distinct_questions(40)
    pairs = write_jsonl(*asked)
    filled = run("remember", "known", pairs)
    assert (filled["added"], filled["passages"]) == (40, 40)
    assert "40 unchanged; 40 pairs" in run("remember", "known", pairs, lines=True)
    asked = asked + [{"question": f"Why fish{n}?", "answers": ["none"]} for n in range(20)]
    labelled = write_jsonl(*asked, name="asked.jsonl")
    fitted = run("fit-memory", "known", "--data", labelled, "--serve", 0.9)
    assert 0 < fitted["pass_on"] <= fitted["serve"] <= 1.0001
    assert fitted["served"]["right"] >= 0.9
    lines = run("fit-memory", "known", "--data", labelled, lines=True)
    assert 'name = "qa_memory"' in lines
    assert f"curve = {fitted['curve']}" in lines
    question = asked[7]["question"]
    hits = run("search", "known", question, "--retriever", "qa_memory")["hits"]
    assert "may be given as it is" in hits[0]["why"]


def test_the_list_says_how_vectors_are_searched(run, corpus):
    run("add", "world", corpus)
    assert run("list")["indices"][0]["vectors"] == "flat"
    assert "flat vectors" in run("list", lines=True)
