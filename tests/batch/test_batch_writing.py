"""Outputs as others read them."""

from __future__ import annotations

import csv
import gzip
import json

import pytest
from batch_stand_ins import said

from rag_router.batch.items import Done, Item, Trouble
from rag_router.batch.pages import with_pages
from rag_router.batch.writing import Output
from rag_router.errors import UsageError
from rag_router.types import Evidence, Hit, Judged, Passage, Question

WHO = Question(id="1", text="Who, exactly?")
ANSWERED = said(WHO, 'He "himself"').to_json()
ABSTAINED = said(Question(id="2", text="Why?"), None).to_json()
FAILED = Done(
    item=Item(number=2, id="3", question=Question(id="3", text="What?")),
    trouble=Trouble("ValueError", "broken"),
).to_json()
LINES = [ANSWERED, ABSTAINED, FAILED]


def write(path, **more):
    Output(path=path, **more).write(lambda: iter(LINES))
    return path


def test_whole_answers_are_the_documented_json_a_line(tmp_path):
    plain = write(tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in plain] == LINES
    packed = write(tmp_path / "out.jsonl.gz")
    assert gzip.decompress(packed.read_bytes()).decode().splitlines() == plain


def test_columns_are_paths_into_the_answer(tmp_path):
    path = write(tmp_path / "out.jsonl", columns=("id", "knowledge.p_know", "route.expert.name"))
    first, _, third = map(json.loads, path.read_text().splitlines())
    assert first == {"id": "1", "knowledge.p_know": 0.5, "route.expert.name": "echo"}
    assert third == {"id": "3", "knowledge.p_know": None, "route.expert.name": None}


def test_a_table_holds_commas_quotes_and_what_is_not_there(tmp_path):
    rows = list(csv.DictReader(write(tmp_path / "out.csv").read_text().splitlines()))
    assert rows[0] == {
        "id": "1",
        "question": "Who, exactly?",
        "answer": 'He "himself"',
        "abstained": "false",
        "reason": "parametric",
        "confidence": "0.75",
        "knowledge.p_know": "0.5",
        "knowledge.retrieve": "false",
        "error.message": "",
    }
    assert (rows[1]["answer"], rows[1]["abstained"]) == ("", "true")
    assert (rows[2]["abstained"], rows[2]["error.message"]) == ("", "broken")


def test_parquet_has_types_and_nulls(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = write(
        tmp_path / "out.parquet", columns=("id", "answer", "confidence", "abstained", "json")
    )
    rows = parquet.read_table(path).to_pylist()
    assert [(r["id"], r["answer"], r["confidence"], r["abstained"]) for r in rows] == [
        ("1", 'He "himself"', 0.75, False),
        ("2", None, 0.75, True),
        ("3", None, None, None),
    ]
    assert json.loads(rows[0]["json"]) == ANSWERED


def test_kilt_gets_the_pages_of_the_passages_and_every_id_once(tmp_path):
    def judged(id_, page):
        passage = Passage(id=id_, title=f"Page {page}", text="T", document_id=page, index="wiki")
        return Judged(hit=Hit(passage=passage, retriever="r", score=1.0, rank=1))

    from dataclasses import replace

    found = Evidence(judged=(judged("12#1", "12"), judged("12#2", "12"), judged("7#1", "7")))
    line = with_pages(replace(said(WHO, "He"), evidence=found))
    output = Output(path=tmp_path / "out.jsonl", format="kilt")
    output.write(lambda: iter([line, ABSTAINED, FAILED]))
    first, second, third = map(json.loads, output.path.read_text().splitlines())
    assert first == {
        "id": "1",
        "input": "Who, exactly?",
        "output": [
            {
                "answer": "He",
                "provenance": [
                    {"wikipedia_id": "12", "title": "Page 12"},
                    {"wikipedia_id": "7", "title": "Page 7"},
                ],
            }
        ],
    }
    assert second["output"][0]["answer"] == third["output"][0]["answer"] == "I don't know."
    assert third["error"]["message"] == "broken"
    plain = Output(path=tmp_path / "plain.jsonl")
    plain.write(lambda: iter([line]))
    assert "_pages" not in json.loads(plain.path.read_text())


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("out.xlsx", {}, "does not tell"),
        ("out.csv", {"columns": ("answr",)}, "no column 'answr'"),
        ("out.csv", {"columns": ("id", "id")}, "twice"),
        ("out.jsonl", {"wide": True}, "wide table"),
        ("out.csv", {"wide": True, "columns": ("id",)}, "wide table"),
        ("out.jsonl", {"format": "kilt", "columns": ("id",)}, "no columns"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(tmp_path, name, more, said):
    with pytest.raises(UsageError, match=said):
        Output(path=tmp_path / name, **more).kind  # noqa: B018
