from __future__ import annotations

import gzip

import pytest

from rag_router.errors import DataError
from rag_router.eval.readers.formats import find_format
from rag_router.eval.readers.nq_open import read_nq_open

LINES = b'{"question": "who?", "answer": ["A", "B"]}\n\n{"question": "what?", "answer": "C"}\n'


def test_a_question_without_an_id_is_called_after_its_file_and_line(tmp_path):
    path = tmp_path / "NQ-open.dev.jsonl"
    path.write_bytes(LINES)
    assert find_format(path) == "nq_open"
    assert [(q.id, q.text, q.answers) for q in read_nq_open(path)] == [
        ("NQ-open.dev:1", "who?", ("A", "B")),
        ("NQ-open.dev:3", "what?", ("C",)),
    ]


def test_a_packed_file_in_another_folder_gives_the_same_questions(tmp_path):
    plain, packed = tmp_path / "nq.jsonl", tmp_path / "there" / "nq.jsonl.gz"
    packed.parent.mkdir()
    plain.write_bytes(LINES)
    packed.write_bytes(gzip.compress(LINES))
    assert list(read_nq_open(plain)) == list(read_nq_open(packed))


def test_an_id_that_is_there_is_kept(tmp_path):
    path = tmp_path / "nq.jsonl"
    path.write_text('{"id": 7, "question": "who?", "answer": [], "year": 2019}\n')
    (question,) = read_nq_open(path)
    assert (question.id, question.answers, question.meta) == ("7", (), {"year": 2019})


def test_an_answer_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "nq.jsonl"
    path.write_text('{"question": "when?", "answer": [1990]}\n')
    with pytest.raises(DataError, match=r"nq.jsonl:1: answer: expected text, saw 1990"):
        list(read_nq_open(path))
