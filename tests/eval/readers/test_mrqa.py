from __future__ import annotations

import gzip
import json

import pytest

from rag_router.errors import DataError
from rag_router.eval.readers.formats import find_format
from rag_router.eval.readers.mrqa import read_mrqa

HEADER = {"header": {"dataset": "SearchQA", "split": "dev"}}
LINE = {
    "id": "",
    "context": "[DOC] [TLE] Oslo [PAR] Oslo lies on a fjord.",
    "context_tokens": [["[DOC]", 0]],
    "qas": [
        {
            "qid": "a1",
            "question": "Where does Oslo lie?",
            "detected_answers": [{"text": "a fjord", "char_spans": [[36, 42]]}],
            "answers": ["fjord", "a fjord"],
        },
        {"qid": "a2", "question": "Who rules it?", "detected_answers": [], "answers": ["nobody"]},
    ],
}


@pytest.fixture
def write(tmp_path):
    def write(*lines):
        path = tmp_path / "SearchQA.jsonl.gz"
        path.write_bytes(gzip.compress("".join(json.dumps(x) + "\n" for x in lines).encode()))
        return path

    return write


def test_questions_on_a_passage_share_it_and_what_the_header_says(write):
    path = write(HEADER, LINE)
    assert find_format(path) == "mrqa"
    found, lost = read_mrqa(path)
    assert (found.id, found.answers) == ("a1", ("fjord", "a fjord"))
    assert found.contexts[0].text == LINE["context"]
    assert found.contexts[0].meta == {"is_gold": True}
    assert lost.contexts[0].meta == {"is_gold": False}
    assert found.meta == lost.meta == {"dataset": "SearchQA", "split": "dev"}


def test_a_detected_spelling_follows_the_accepted_ones(write):
    asked = {"qid": 1, "question": "?", "detected_answers": [{"text": "Fjord"}], "answers": ["b"]}
    (question,) = read_mrqa(write(HEADER, {"context": "c", "qas": [asked]}))
    assert question.answers == ("b", "Fjord")


def test_a_file_without_header_and_a_broken_question_are_named(write):
    path = write(LINE)
    with pytest.raises(DataError, match=r"gz:1: lacks 'header'"):
        list(read_mrqa(path))
    path = write(HEADER, {"context": "c", "qas": [{"qid": "1"}]})
    with pytest.raises(DataError, match=r"gz:2: qas\[0\]: lacks 'question'"):
        list(read_mrqa(path))
