"""`eval make-conflicts`, as a command of its own."""

from __future__ import annotations

import json

import pytest
from little_house import write_jsonl

from rag_router.cli.make_conflicts import make_conflicts
from rag_router.errors import DataError, UnavailableError, UnknownNameError, UsageError
from rag_router.eval.datasets import read_questions

CITIES = ("Oslo", "Rome", "Paris", "Berlin", "Madrid", "Lisbon", "Vienna", "Prague")


@pytest.fixture
def data(tmp_path):
    return write_jsonl(
        tmp_path / "questions.jsonl",
        [
            {
                "id": f"q{n}",
                "question": "where is it",
                "answers": [city],
                "contexts": [{"id": f"p{n}", "text": f"It is in {city}.", "is_gold": True}],
            }
            for n, city in enumerate(CITIES)
        ]
        + [{"id": "bare", "question": "why", "answers": ["because"]}],
    )


@pytest.fixture
def make(capsys):
    """Run the command with options; returns what it printed."""

    def make(*arguments: object) -> tuple[str, str]:
        make_conflicts.main([str(a) for a in arguments], standalone_mode=False)
        out, err = capsys.readouterr()
        return out, err

    return make


def test_a_set_is_made_and_counted(make, data, tmp_path):
    out = tmp_path / "conflicts.jsonl"
    printed, _ = make("--data", data, "--out", out, "--seed", 3, "--json")
    assert json.loads(printed) == {
        "path": str(out),
        "policy": "corpus",
        "typer": "rules",
        "seed": 3,
        "read": 9,
        "made": 8,
        "types": {"LOCATION": 8},
        "skipped": {"no_gold_passage": 1},
    }
    questions = read_questions([out])
    assert [q.answers for q in questions] == [(city,) for city in CITIES]
    for question in questions:
        altered, original = question.contexts
        [told] = question.meta["counterfactual_answers"]
        assert told in CITIES
        assert altered.text == f"It is in {told}."
        assert original.text == f"It is in {question.answers[0]}."
        assert (altered.meta["kind"], original.meta["kind"]) == ("counterfactual", "original")


def test_people_read_the_same_counts(make, data, tmp_path):
    printed, _ = make("--data", data, "--out", tmp_path / "a.jsonl.gz")
    words = [line.split() for line in printed.splitlines()]
    assert ["made", "8"] in words
    assert ["types", "LOCATION", "8"] in words
    assert ["skipped", "no_gold_passage", "1"] in words


def test_a_limited_set_is_a_part_of_the_whole(make, data, tmp_path):
    whole, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    make("--data", data, "--out", whole)
    printed, _ = make("--data", data, "--out", part, "--limit", 4, "--json")
    assert json.loads(printed)["read"] == 4
    lines = part.read_text(encoding="utf-8").splitlines()
    assert 0 < len(lines) <= 4
    assert set(lines) <= set(whole.read_text(encoding="utf-8").splitlines())


def test_a_file_that_is_there_is_refused_before_anything_is_read(make, tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text("kept")
    with pytest.raises(UsageError, match="exists") as caught:
        make("--data", tmp_path / "none.jsonl", "--out", out)
    assert caught.value.exit_code == 2
    assert out.read_text() == "kept"


def test_a_file_is_overwritten_when_told(make, data, tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text("gone")
    make("--data", data, "--out", out, "--force")
    assert len(read_questions([out])) == len(CITIES)


def test_what_is_wrong_is_said_with_the_documented_exit_code(make, data, tmp_path):
    out = tmp_path / "out.jsonl"
    bare = write_jsonl(tmp_path / "bare.jsonl", [{"id": "1", "question": "?", "answers": ["a"]}])
    for options, error, code in (
        (("--data", bare), DataError, 3),
        (("--data", tmp_path / "none.jsonl"), DataError, 3),
        (("--data", data, "--data", data), DataError, 3),
        (("--data", data, "--policy", "corpsu"), UnknownNameError, 2),
        (("--data", data, "--policy", "popularity"), UsageError, 2),
        (("--data", data, "--typer", "guess"), UsageError, 2),
        (("--data", data, "--typer", "spacy:no_such_model"), UnavailableError, 4),
    ):
        with pytest.raises(error) as caught:
            make(*options, "--out", out)
        assert caught.value.exit_code == code
        assert caught.value.hint or "cannot be read" in caught.value.message
        assert not out.exists()
