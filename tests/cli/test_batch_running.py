"""`rag-router batch` while it runs: where lines come from, what interrupts it, what it tells."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from batch_stand_ins import written
from little_house import CORPORA, write_jsonl

from rag_router.batch.holding import held
from rag_router.cli.batch import _made
from rag_router.indices.following import Pin
from rag_router.indices.library import Library
from rag_router.orchestrator import Ask
from rag_router.settings import load_settings

NEVER = ("--retrieval", "never")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def many(path, count):
    return written(
        path, [{"id": f"q{n}", "question": f"What is number {n}?"} for n in range(count)]
    )


@contextmanager
def once_answered(out, count, what: Callable[[], object]) -> Iterator[None]:
    """Do something as soon as so many lines are in the journal of an output."""
    journal, over = out.with_name(f"{out.name}.journal"), threading.Event()

    def answered():
        if not journal.exists():
            return 0
        connection = sqlite3.connect(journal)
        try:
            return connection.execute("SELECT count(*) FROM answers").fetchone()[0]
        except sqlite3.OperationalError:  # being made
            return 0
        finally:
            connection.close()

    def watch():
        while not over.wait(0.01):
            if answered() >= count:
                what()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_lines_come_from_standard_input(run, tiny, tmp_path, monkeypatch):
    said = b'{"id": "a", "question": "Who?"}\n{"id": "b", "question": "Why?"}\n'
    for fresh in (2, 0):  # the second time they are there already
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(said)))
        out = tmp_path / "out.jsonl"
        done = run("batch", "-", out, "--expert", tiny, *NEVER, "--json")
        assert (done.code, done.json["total"], done.json["fresh"]) == (0, 2, fresh)
        assert [line["id"] for line in lines(out)] == ["a", "b"]


def test_a_line_of_standard_input_without_an_id_is_called_after_it(
    run, tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"question": "Who?"}\n')))
    out = tmp_path / "out.jsonl"
    assert run("batch", "-", out, "--expert", tiny, *NEVER).code == 0
    assert lines(out)[0]["id"] == "stdin:1"


def test_passages_that_come_with_a_question_are_all_that_is_looked_in(run, tiny, tmp_path):
    contexts = [{"id": "p", "title": "Oslo", "text": "Oslo lies at the end of a fjord."}]
    path = written(
        tmp_path / "in.jsonl",
        [
            {"id": "with", "question": "Where lies Oslo?", "contexts": contexts},
            {"id": "without", "question": "Where lies Bergen?"},
        ],
    )
    out = tmp_path / "out.jsonl"
    done = run("batch", path, out, "--expert", tiny, "--own-passages")
    assert done.code == 0, done.err
    given, without = lines(out)
    assert [one["id"] for one in given["passages"]] == ["p"]
    assert given["knowledge"]["retrieve"]
    assert without["passages"] == []


def test_ctrl_c_finishes_what_is_being_answered_and_the_next_run_goes_on(run, tiny, tmp_path):
    path, out = many(tmp_path / "in.jsonl", 400), tmp_path / "out.jsonl"
    asked = ("batch", path, out, "--expert", tiny, *NEVER, "--window", 2)
    with once_answered(out, 4, lambda: os.kill(os.getpid(), signal.SIGINT)):
        done = run(*asked)
    assert done.code == 130
    assert "Finishing what is being answered" in done.err
    assert "The same command goes on" in done.err
    before = lines(out)
    assert 4 <= len(before) < 400
    assert len(before) % 2 == 0  # whole windows
    again = run(*asked, "--json")
    assert (again.code, again.json["done"]) == (0, 400)
    assert again.json["fresh"] == 400 - len(before)
    after = lines(out)
    assert after[: len(before)] == before
    assert [line["id"] for line in after] == [f"q{n}" for n in range(400)]


@pytest.fixture
def towns(run, embedder, tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_EMBEDDER__MODEL", embedder)
    corpus = write_jsonl(tmp_path / "towns.jsonl", CORPORA["towns"])
    assert run("index", "add", "towns", corpus, "--embedder", embedder).code == 0
    return Library(tmp_path / "home")


def test_an_index_that_is_published_meanwhile_is_told_of_at_the_end(run, tiny, towns, tmp_path):
    path, out = many(tmp_path / "in.jsonl", 60), tmp_path / "out.jsonl"
    asked = ("batch", path, out, "--expert", tiny, "--retrieval", "always", "--window", 2)
    with once_answered(out, 2, lambda: towns.compact("towns")):
        done = run(*asked)
    assert done.code == 0, done.err
    assert (
        "note: index towns was published anew meanwhile: all answers are from generation 1"
    ) in done.err
    # Answers of the next generation would not go with these.
    assert "index towns was generation 1" in run(*asked).refused(2)


def test_an_actor_that_is_made_later_looks_where_the_job_began(
    run, tiny, towns, embedder, tmp_path, monkeypatch
):
    monkeypatch.setenv("RAG_ROUTER_GENERATOR__MODEL", tiny)
    settings = load_settings(None).model_dump(mode="json")
    wanted = {"towns": Pin.of(towns.manifest("towns"))}
    more = write_jsonl(tmp_path / "more.jsonl", CORPORA["handbook"])
    assert run("index", "add", "towns", more, "--embedder", embedder).code == 0
    assert towns.manifest("towns").generation == 2
    service = _made(settings, shared=False, wanted=wanted)
    assert service.indices["towns"].manifest.generation == 1
    found = service.answer(["Where lies Oslo?"], Ask(retrieval="always"))[0]
    assert {one.hit.passage.document_id for one in found.evidence.judged} == {"oslo"}


def test_a_second_process_on_one_output_is_refused_and_told_of_the_first(run, tiny, tmp_path):
    path, out = many(tmp_path / "in.jsonl", 2), tmp_path / "out.jsonl"
    with held(out):
        done = run("batch", path, out, "--expert", tiny, *NEVER)
    assert done.code != 0
    assert f"process {os.getpid()}" in done.err


def test_lines_of_all_kinds_of_trouble_are_told_and_the_rest_is_answered(run, tiny, tmp_path):
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(
        b'{"id": "a", "question": "Who?"}\n'
        b'{"id": "b", "question": "caf\xe9?"}\n'  # Latin-1 among UTF-8
        b'{"id": "a", "question": "Why?"}\n'  # an id that stands twice
        b'{"id": "c", "quest'  # cut off
    )
    done = run("batch", path, out, "--expert", tiny, *NEVER, "--json")
    assert (done.code, done.json["failed"]) == (3, 3)
    told = [line.get("error", {}).get("message", "") for line in lines(out)]
    assert told[0] == ""
    for said, part in zip(told[1:], ["0xe9", "'a' stands twice", "not JSON"], strict=True):
        assert part in said


def test_a_file_in_another_encoding_is_refused_whole_and_nothing_is_written(run, tiny, tmp_path):
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_bytes('{"question": "Who?"}'.encode("utf-16"))
    assert "UTF-16" in run("batch", path, out, "--expert", tiny, *NEVER).refused(3)
    assert not out.exists()


def test_tables_and_globs_go_in_and_predictions_and_parquet_come_out(run, tiny, tmp_path):
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    (tmp_path / "one.csv").write_text("id;question\na;Who?\n")
    (tmp_path / "two.csv").write_text("id,question\nb,Why?\nc,Where?\n")
    asked = ("batch", f"{tmp_path}/*.csv")
    made = ("--expert", tiny, *NEVER)
    table, kilt = tmp_path / "out.parquet", tmp_path / "predictions.jsonl"
    assert run(*asked, table, *made, "--columns", "id,answer,confidence").code == 0
    rows = parquet.read_table(table).to_pylist()
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert all(isinstance(row["confidence"], float) for row in rows)
    assert run(*asked, kilt, *made, "--format", "kilt").code == 0
    assert [(one["id"], len(one["output"])) for one in lines(kilt)] == [
        ("a", 1),
        ("b", 1),
        ("c", 1),
    ]
    # What was written is read again as questions, as KILT's files are.
    assert run("batch", table, tmp_path / "x.csv", *made).code == 3


def test_a_seed_draws_the_same_lines_each_time(run, tiny, tmp_path):
    path, drawn = many(tmp_path / "in.jsonl", 20), []
    for name in ("one", "two"):
        out = tmp_path / f"{name}.jsonl"
        picked = ("--limit", 3, "--shuffle-seed", 7, "--columns", "id")
        assert run("batch", path, out, "--expert", tiny, *NEVER, *picked).code == 0
        drawn.append([line["id"] for line in lines(out)])
    assert drawn[0] == drawn[1] != ["q0", "q1", "q2"]
    assert len(drawn[0]) == 3
