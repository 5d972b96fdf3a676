"""`rag-router batch` with a random model: what goes in, what comes out, what is refused."""

from __future__ import annotations

import csv
import json

import pytest
from batch_stand_ins import written
from little_house import CORPORA, assert_documented, write_jsonl

ROWS = [
    {"id": "a", "question": "How often is the Larkspur valve calibrated?"},
    {"id": "b", "question": "What is the capital of France?"},
]


@pytest.fixture
def questions(tmp_path):
    return written(tmp_path / "in.jsonl", ROWS)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_answers_are_written_a_line_each_and_not_answered_again(run, tiny, questions, tmp_path):
    out = tmp_path / "out" / "answers.jsonl"
    done = run("batch", questions, out, "--expert", tiny, "--retrieval", "never", "--json")
    assert (done.code, done.err) == (0, "")
    assert (done.json["total"], done.json["fresh"], done.json["failed"]) == (2, 2, 0)
    for line, row in zip(lines(out), ROWS, strict=True):
        assert_documented(line)
        assert (line["id"], line["question"]) == (row["id"], row["question"])
    again = run("batch", questions, out, "--expert", tiny, "--retrieval", "never", "--json")
    assert (again.code, again.json["fresh"], again.json["done"]) == (0, 0, 2)


def test_a_line_that_fails_is_told_and_so_is_the_exit_code(run, tiny, tmp_path):
    path = written(tmp_path / "in.jsonl", [*ROWS, {"question": "x" * 10_001}, '{"question": "cut'])
    out = tmp_path / "out.csv"
    done = run("batch", path, out, "--expert", tiny, "--retrieval", "never")
    assert done.code == 3
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [bool(row["error.message"]) for row in rows] == [False, False, True, True]
    assert "10,001 characters" in rows[2]["error.message"]
    assert "2 failed" in done.out


def test_other_settings_are_refused_and_fresh_begins_anew(run, tiny, questions, tmp_path):
    out = tmp_path / "out.jsonl"
    asked = ("batch", questions, out, "--expert", tiny, "--retrieval")
    assert run(*asked, "never").code == 0
    said = run(*asked, "always").refused(2)
    assert "ask.retrieval was 'never', and is 'always'" in said
    assert run(*asked, "always", "--fresh", "--json").json["fresh"] == 2


def test_every_question_is_asked_of_every_document(run, tiny, questions, tmp_path):
    corpus = write_jsonl(tmp_path / "corpus.jsonl", CORPORA["handbook"] + CORPORA["towns"])
    out = tmp_path / "table.csv"
    done = run("batch", questions, out, "--expert", tiny, "--per-document", corpus, "--wide")
    assert done.code == 0, done.err
    rows = list(csv.reader(out.read_text().splitlines()))
    assert rows[0] == ["document", "a", "b"]
    assert [row[0] for row in rows[1:]] == ["valve", "oslo"]


def test_questions_of_shards_are_those_of_the_whole(run, tiny, questions, tmp_path):
    ids = []
    for shard in ("1/2", "2/2"):
        out = tmp_path / f"{shard[0]}.jsonl"
        some = run(
            *("batch", questions, out, "--expert", tiny),
            *("--retrieval", "never", "--shard", shard, "--columns", "id"),
        )
        assert some.code == 0
        ids += [line["id"] for line in lines(out)]
    assert ids == ["a", "b"]


def test_what_cannot_be_is_refused_before_anything_is_loaded(run, questions, tmp_path):
    out = tmp_path / "out.jsonl"
    assert "no file" in run("batch", tmp_path / "*.nothing", out).refused(2)
    assert "does not tell" in run("batch", questions, tmp_path / "out.doc").refused(2)
    assert "no shard" in run("batch", questions, out, "--shard", "3/2").refused(2)
    assert "is no shard" in run("batch", questions, out, "--shard", "one").refused(2)
    given = run("batch", questions, out, "--own-passages", "--index", "wiki")
    assert "no index named" in given.err or "--own-passages" in given.err
    (tmp_path / "file").write_text("")
    assert "cannot be written" in run("batch", questions, tmp_path / "file" / "o.csv").refused(2)


def test_a_model_that_is_not_there_is_not_fetched(run, questions, tmp_path):
    run("batch", questions, tmp_path / "out.jsonl").refused(4)
