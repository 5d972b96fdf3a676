"""What evaluations share: the data they read, what they keep, and how they end."""

from __future__ import annotations

import json
import os

import pytest
from little_house import scripted_expert, write_jsonl

from rag_router.cli.evaluate.common import (
    finish,
    manifest_of,
    read_data,
    require_judgeable,
    require_report,
    show,
)
from rag_router.cli.evaluate.conflict import joined
from rag_router.cli.evaluate.kept import Kept
from rag_router.errors import DataError
from rag_router.eval.datasets import is_held_out
from rag_router.eval.report import Report, Table, read_report
from rag_router.settings import Settings

REPORT = Report(
    kind="gates",
    title="t",
    summary={"n": 1, "gates": {}, "skipped": {"p_ik": "shows no hidden states"}},
    manifest={},
    tables=(
        Table(
            "Gates [bold]",
            ("gate", "AUROC", "passes", "note"),
            (
                ("[red]odd[/]", (0.5, 0.25, 0.75), 1234567.0, None),
                (":smile:", 0.25, 3, True),
            ),
        ),
        Table("Empty", ("gate",), ()),
    ),
)


def questions(path, n, **more):
    path.parent.mkdir(exist_ok=True)
    rows = [
        {"id": f"q{at}", "question": f"what is {at}?", "answers": ["x"], **more} for at in range(n)
    ]
    return write_jsonl(path, rows)


def read(*paths, limit=None, held_out=False):
    return read_data([str(path) for path in paths], limit=limit, held_out=held_out)


# --- reading ------------------------------------------------------------------------------------


def test_every_question_knows_its_set_and_every_path_its_number(tmp_path):
    one, two = (questions(tmp_path / name / "a.jsonl", n) for name, n in (("nq", 2), ("popqa", 3)))
    data = read(one, two)
    assert data.sets == ["nq"] * 2 + ["popqa"] * 3
    assert [question.id for question in data.questions] == ["q0", "q1", "q0", "q1", "q2"]
    assert (data.paths, data.counts) == ((str(one), str(two)), (2, 3))
    assert [file.path for file in data.files] == [one, two]


def test_two_files_of_one_folder_are_two_sets(tmp_path):
    paths = [questions(tmp_path / "nq" / f"{name}.jsonl", 1) for name in ("dev", "test")]
    assert read(*paths).sets == ["nq/dev", "nq/test"]


def test_a_path_that_is_given_twice_is_read_once(tmp_path):
    path = questions(tmp_path / "nq" / "a.jsonl", 2)
    assert len(read(path, path).questions) == 2


def test_a_limit_holds_for_each_set_and_a_larger_one_holds_the_smaller(tmp_path):
    one, two = (questions(tmp_path / name / "a.jsonl", 30) for name in ("nq", "popqa"))
    small, large = (read(one, two, limit=limit) for limit in (5, 10))
    assert small.counts == (5, 5)
    assert {q.id for q in small.questions[:5]} <= {q.id for q in large.questions[:10]}


def test_only_what_fitting_leaves_out_is_asked_where_that_is_wanted(tmp_path):
    path = questions(tmp_path / "nq" / "a.jsonl", 60)
    held = read(path, held_out=True).questions
    assert 0 < len(held) < 60
    assert all(is_held_out(question.id) for question in held)


@pytest.mark.parametrize(
    "rows",
    [[], [{"id": "1", "question": "why?"}], [{"id": "1", "question": "why?", "answers": []}]],
    ids=["no questions", "no answers", "empty answers"],
)
def test_a_set_without_answers_is_a_data_error(tmp_path, rows):
    path = write_jsonl(tmp_path / "bare.jsonl", rows)
    with pytest.raises(DataError, match=r"no question with an answer is left of .*bare\.jsonl"):
        read(path)


@pytest.mark.parametrize("name", ["nowhere.jsonl", "broken.jsonl"])
def test_a_set_that_cannot_be_read_is_a_data_error(tmp_path, name):
    (tmp_path / "broken.jsonl").write_text('{"id": 1, "question": "why?"\n')
    with pytest.raises(DataError, match=name):
        read(tmp_path / name)


@pytest.mark.parametrize(
    "meta",
    [
        {"choices": ["Oslo", "Rome"], "answer_letter": "Z"},
        {"answer_type": "regex"},
    ],
    ids=["letter", "pattern"],
)
def test_what_nobody_can_judge_is_told_before_the_run(tmp_path, meta):
    row = {"id": "odd", "question": "which?", "answers": ["("], "meta": meta}
    data = read(write_jsonl(tmp_path / "a.jsonl", [row]))
    with pytest.raises(DataError, match="question odd"):
        require_judgeable(data)
    require_judgeable(read(questions(tmp_path / "nq" / "a.jsonl", 2)))


# --- what a run was made with -------------------------------------------------------------------


def test_the_manifest_says_how_many_questions_of_each_file_were_asked(tmp_path):
    one = questions(tmp_path / "nq" / "a.jsonl", 4)
    questions(tmp_path / "many" / "part1.jsonl", 2)
    write_jsonl(
        tmp_path / "many" / "part2.jsonl", [{"id": "z", "question": "y?", "answers": ["x"]}]
    )
    data = read(one, tmp_path / "many", limit=3)
    made = manifest_of(Settings(), [scripted_expert({})], data, seed=7, indexes={"wiki": 5})
    assert [(file["file"], file["rows"]) for file in made["data"]] == [
        ("a.jsonl", 3),
        # What is read as a folder is counted as one.
        ("part1.jsonl", 3),
        ("part2.jsonl", 3),
    ]
    assert made["models"][0]["name"] == "scripted"
    assert set(made["prompts"]) == {"scripted, closed-book", "scripted, with passages"}
    assert made["seeds"]["evaluation"] == 7
    assert made["extra"]["indexes"] == {"wiki": 5}
    assert len(made["extra"]["questions_hash"]) == 64
    assert str(tmp_path) not in json.dumps(made)


def test_joined_sets_keep_their_files_and_numbers(tmp_path):
    one, two = (questions(tmp_path / "nq" / f"{name}.jsonl", n) for name, n in (("a", 2), ("b", 3)))
    both = joined(read(one), read(two))
    made = manifest_of(Settings(), [], both, seed=0)
    assert [file["rows"] for file in made["data"]] == [2, 3]
    assert len(both.questions) == len(both.sets) == 5


# --- what is kept -------------------------------------------------------------------------------


def test_nothing_is_kept_where_nothing_shall_be(tmp_path):
    with Kept.of(Settings(home=tmp_path / "home"), use_cache=False) as kept:
        assert (kept.outcomes, kept.records) == (None, None)
    assert not (tmp_path / "home").exists()


def test_the_file_is_opened_when_it_is_needed_and_let_go_of_after(tmp_path):
    kept = Kept.of(Settings(home=tmp_path), use_cache=True)
    with kept:
        assert list(tmp_path.iterdir()) == []
        assert kept.records is kept.records
        kept.records.put("n", {"a": b"1"})
        assert kept.outcomes.get([]) == {}
    assert [path.name for path in tmp_path.iterdir()] == ["outcomes.sqlite"]
    with kept:
        assert kept.records.get(["a"]) == {"a": b"1"}


# --- the end ------------------------------------------------------------------------------------


def test_a_file_that_changed_during_the_run_ends_it_before_anything_is_written(tmp_path, capsys):
    path = questions(tmp_path / "nq" / "a.jsonl", 2)
    data = read(path)
    path.write_text(path.read_text().replace("what", "when"))
    with pytest.raises(DataError, match=r"a\.jsonl has changed since it was read"):
        finish(REPORT, data, out=tmp_path / "out", as_json=True)
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr().out == ""


def test_a_file_that_was_only_touched_is_the_same(tmp_path):
    path = questions(tmp_path / "nq" / "a.jsonl", 2)
    data = read(path)
    os.utime(path, (1, 1))
    finish(REPORT, data, out=None, as_json=True)


def test_the_summary_is_the_one_document_and_the_report_is_named_beside_it(tmp_path, capsys):
    data = read(questions(tmp_path / "nq" / "a.jsonl", 2))
    finish(REPORT, data, out=tmp_path / "out", as_json=True)
    printed = capsys.readouterr()
    assert json.loads(printed.out) == REPORT.summary
    assert printed.err == f"Report: {tmp_path / 'out' / 'report.html'}\n"
    assert read_report(tmp_path / "out").summary == REPORT.summary


def test_people_see_tables_and_what_was_skipped(capsys):
    show(REPORT)
    printed = capsys.readouterr()
    lines = [line.split() for line in printed.out.splitlines()]
    # Names are data: they neither colour nor draw.
    assert ["[red]odd[/]", "0.500", "[0.250,", "0.750]", "1,234,567"] in lines
    assert [":smile:", "0.250", "3", "True"] in lines
    assert "Gates [bold]" in printed.out
    assert "Empty" not in printed.out
    assert "\x1b" not in printed.out
    assert printed.err == "skipped p_ik: shows no hidden states\n"


def test_a_report_is_only_asked_for_where_one_is_wanted(tmp_path):
    require_report(None)
    require_report(tmp_path)
