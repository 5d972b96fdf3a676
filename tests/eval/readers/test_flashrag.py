from __future__ import annotations

import json

import pytest

from rag_router.errors import DataError
from rag_router.eval.readers.flashrag import read_flashrag
from rag_router.eval.readers.formats import find_format


@pytest.fixture
def write(tmp_path):
    def write(*rows):
        path = tmp_path / "test.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def test_golden_answers_and_metadata_are_kept(write):
    row = {
        "id": "test_0",
        "question": "who?",
        "golden_answers": ["A", "B"],
        "metadata": {"type": "bridge"},
    }
    path = write(row, {"question": "what?", "golden_answers": "C"})
    assert find_format(path) == "flashrag"
    first, second = read_flashrag(path)
    assert (first.id, first.answers, first.meta) == ("test_0", ("A", "B"), {"type": "bridge"})
    assert (second.id, second.answers) == ("test:2", ("C",))


@pytest.mark.parametrize("golden", [[2], ["C"], ["red"]])
def test_a_right_choice_is_named_by_place_letter_or_text(write, golden):
    row = {"id": "1", "question": "?", "choices": ["", "blue", "red"], "golden_answers": golden}
    (question,) = read_flashrag(write(row))
    assert question.answers == ("red",)
    assert question.meta == {"choices": ["", "blue", "red"], "answer_letter": "C"}


@pytest.mark.parametrize("golden", [[3], [-1], ["D"], ["green"], [True], [None]])
def test_what_names_no_choice_is_an_error(write, golden):
    row = {"id": "1", "question": "?", "choices": ["a", "b", "c"], "golden_answers": golden}
    with pytest.raises(DataError, match=r"test.jsonl:1: golden_answers"):
        list(read_flashrag(write(row)))
