from __future__ import annotations

from pathlib import Path

import pytest
from little_house import write_jsonl

from rag_router.eval.sets import read_sets, set_name, set_names


def questions(path, n, prefix="q", **more):
    path.parent.mkdir(exist_ok=True)
    rows = [
        {"id": f"{prefix}{at}", "question": f"{prefix} {at}?", "answers": ["x"], **more}
        for at in range(n)
    ]
    return write_jsonl(path, rows)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/popqa/sample.jsonl.gz", "popqa"),
        ("popqa/sample.jsonl", "popqa"),
        ("sample.jsonl.gz", "sample"),
    ],
)
def test_a_set_is_called_after_its_folder_or_else_its_file(path, name):
    assert set_name(Path(path)) == name


def test_a_set_that_is_a_folder_is_called_like_it(tmp_path):
    (tmp_path / "nq").mkdir()
    assert set_name(tmp_path / "nq") == "nq"


def test_sets_of_one_folder_are_told_apart_by_their_files():
    sources = ("a/nq/dev.jsonl", "a/nq/test.jsonl.gz", "a/popqa/dev.jsonl", "hf:org/name")
    assert set_names(sources) == {
        "a/nq/dev.jsonl": "nq/dev",
        "a/nq/test.jsonl.gz": "nq/test",
        "a/popqa/dev.jsonl": "popqa",
        "hf:org/name": "hf:org/name",
    }


def test_sets_that_are_called_alike_throughout_are_numbered():
    sources = ("old/nq/dev.jsonl", "new/nq/dev.jsonl")
    assert list(set_names(sources).values()) == ["nq/dev/1", "nq/dev/2"]


def test_sets_are_read_one_after_another_and_each_question_knows_its_own(tmp_path):
    paths = [questions(tmp_path / "one" / "a.jsonl", 2), questions(tmp_path / "two" / "a.jsonl", 3)]
    found, names = read_sets(paths)
    assert [question.id for question in found] == ["q0", "q1", "q0", "q1", "q2"]
    assert names == ["one"] * 2 + ["two"] * 3


def test_a_limit_holds_for_each_set(tmp_path):
    paths = [questions(tmp_path / name / "a.jsonl", 5) for name in ("one", "two")]
    assert read_sets(paths, limit=2)[1] == ["one"] * 2 + ["two"] * 2


def test_questions_without_answers_are_left_out_unless_they_are_wanted(tmp_path):
    path = questions(tmp_path / "one" / "a.jsonl", 2, answers=[])
    assert read_sets([path]) == ([], [])
    assert len(read_sets([path], answers=False)[0]) == 2
