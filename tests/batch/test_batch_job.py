"""Jobs from input to output: resumed, refused, and written in the order of the input."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest
from batch_stand_ins import Echo, written

from rag_router.batch import Job, LocalEngine, Output, Prepared, Sizes, read_items
from rag_router.batch.holding import held
from rag_router.batch.inputs import items_of_documents
from rag_router.batch.progress import Tally
from rag_router.errors import BusyError, ConflictError, UsageError

ROWS = [{"id": f"q{n}", "question": f"number {n}"} for n in range(7)]


@pytest.fixture
def job(tmp_path):
    path = written(tmp_path / "in.jsonl", ROWS)
    return Job(items=read_items([path]), output=Output(path=tmp_path / "out.jsonl"))


def run(job, service=None, facts=None, **more):
    service = service or Echo()
    engine = LocalEngine(service=service, sizes=Sizes(window=3), **more)
    heard = []
    ended = job.run(lambda: Prepared(engine, facts or {"model": "echo"}), heard.append)
    return ended, service, heard


def lines(job):
    return [json.loads(line) for line in job.output.path.read_text().splitlines()]


def test_every_line_is_answered_once_and_written_in_its_place(job):
    ended, service, heard = run(job)
    assert (ended.total, ended.done, ended.fresh, ended.failed) == (7, 7, 7, 0)
    assert [line["id"] for line in lines(job)] == [row["id"] for row in ROWS]
    assert lines(job)[3]["answer"] == "NUMBER 3"
    assert [len(some) for some in service.asked] == [3, 3, 1]
    assert [one.done for one in heard] == [3, 6, 7]


def test_a_second_run_answers_nothing_and_writes_the_same(job):
    run(job)
    before = job.output.path.read_bytes()
    ended, service, _ = run(job)
    assert (ended.done, ended.fresh, service.asked) == (7, 0, [])
    assert job.output.path.read_bytes() == before


def test_a_stopped_run_is_taken_up_where_it_stopped(job):
    first = Echo()
    ended, _, _ = run(job, first, stopped=lambda: bool(first.asked))
    assert (ended.done, ended.total, len(lines(job))) == (3, 7, 3)
    ended, second, _ = run(job)
    assert (ended.done, ended.fresh) == (7, 4)
    assert [line["id"] for line in lines(job)] == [row["id"] for row in ROWS]
    assert not {*first.asked[0]} & {one for some in second.asked for one in some}


def test_lines_that_are_added_are_answered_and_stand_in_their_place(job, tmp_path):
    run(job)
    written(tmp_path / "in.jsonl", [{"id": "new", "question": "first now"}, *ROWS])
    _, service, _ = run(job)
    assert service.asked == [["new"]]
    assert [line["id"] for line in lines(job)] == ["new", *(row["id"] for row in ROWS)]


def test_failing_lines_are_told_and_tried_again_by_the_next_run(job):
    broken = Echo(lambda one: ValueError("not today") if one.id == "q2" else None)
    ended, _, _ = run(job, broken)
    assert (ended.failed, lines(job)[2]["error"]["message"]) == (1, "not today")
    ended, service, _ = run(job)
    assert (ended.failed, service.asked, lines(job)[2]["answer"]) == (0, [["q2"]], "NUMBER 2")


def test_other_settings_are_not_mixed_unless_everything_is_fresh(job):
    run(job)
    with pytest.raises(ConflictError, match="model was echo, and is parrot"):
        run(job, facts={"model": "parrot"})
    ended, _, _ = run(replace(job, fresh=True), facts={"model": "parrot"})
    assert ended.fresh == 7


def test_an_output_that_nobody_knows_is_not_overwritten(job):
    job.output.path.write_text("mine\n")
    with pytest.raises(ConflictError, match="no journal"):
        run(job)
    assert job.output.path.read_text() == "mine\n"


def test_a_second_process_is_told_who_is_at_it(job):
    import os
    import socket

    with held(job.output.path), pytest.raises(BusyError) as refused:
        run(job)
    assert f"process {os.getpid()} on {socket.gethostname()}" in refused.value.message
    run(job)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_loaded(job, tmp_path):
    (tmp_path / "file").write_text("")
    elsewhere = replace(job, output=Output(path=tmp_path / "file" / "out.jsonl"))
    with pytest.raises(UsageError, match="cannot be written"):
        elsewhere.run(lambda: pytest.fail("loaded"))


def test_each_document_is_a_row_and_each_question_a_column(tmp_path):
    questions = written(
        tmp_path / "q.jsonl",
        [{"id": "who", "question": "Who"}, {"id": "why", "question": "Why?"}],
    )
    corpus = written(tmp_path / "d.jsonl", [{"id": n, "text": "Some text."} for n in ("x", "y")])
    items = items_of_documents(read_items([questions]), [corpus])
    output = Output(path=tmp_path / "table.csv", wide=True)
    run(Job(items=items, output=output))
    rows = list(csv.reader(output.path.read_text().splitlines()))
    assert rows == [["document", "who", "why"], ["x", "WHO", ""], ["y", "WHO", ""]]


def test_rates_stay_sensible_whatever_a_clock_does():
    times = iter([100.0, 110.0, 50.0])
    tally = Tally(10, 0, lambda: next(times))
    tally.fresh = 5
    assert (tally.now().rate, str(tally.now())) == (0.5, "5 of 10, 0% looked up, 0% abstained")


def test_progress_is_told_in_words():
    tally = Tally(7200, 0, iter([0.0, 10.0]).__next__)
    tally.fresh, tally.failed, tally.retrieved, tally.abstained = 20, 4, 8, 4
    assert str(tally.now()) == (
        "20 of 7200, 2.0 a second, 59 min 50 s left, 50% looked up, 25% abstained, 4 failed"
    )
