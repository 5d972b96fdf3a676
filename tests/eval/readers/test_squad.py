from __future__ import annotations

import json

import pytest

from rag_router.errors import DataError
from rag_router.eval.readers.formats import find_format
from rag_router.eval.readers.squad import read_squad

OSLO = {
    "title": "Oslo_(city)",
    "paragraphs": [
        {
            "context": "Oslo lies on a fjord.",
            "qas": [
                {
                    "id": "1",
                    "question": "Where does Oslo lie?",
                    "answers": [
                        {"text": "a fjord", "answer_start": 13},
                        {"text": "a fjord", "answer_start": 13},
                        {"text": "fjord", "answer_start": 15},
                    ],
                },
                {
                    "id": "2",
                    "question": "Who founded it?",
                    "answers": [],
                    "plausible_answers": [{"text": "a fjord", "answer_start": 13}],
                    "is_impossible": True,
                },
            ],
        }
    ],
}


@pytest.fixture
def write(tmp_path):
    def write(document):
        path = tmp_path / "dev.json"
        path.write_text(json.dumps(document))
        return path

    return write


def test_a_question_comes_with_its_paragraph_and_each_answer_once(write):
    path = write({"version": "v2.0", "data": [OSLO]})
    assert find_format(path) == "squad"
    first, second = read_squad(path)
    assert (first.id, first.text, first.answers) == (
        "1",
        "Where does Oslo lie?",
        ("a fjord", "fjord"),
    )
    (passage,) = first.contexts
    assert (passage.title, passage.text) == ("Oslo (city)", "Oslo lies on a fjord.")
    assert passage.meta == {"is_gold": True}
    assert first.meta == {}
    assert second.answers == ()
    assert second.meta == {"is_impossible": True}


def test_the_paragraph_of_an_impossible_question_is_not_gold_and_keeps_its_id(write):
    first, second = read_squad(write({"data": [OSLO]}))
    assert second.contexts[0].meta == {"is_gold": False}
    assert second.contexts[0].id == first.contexts[0].id


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"question": "?"}, "qas[0]: lacks 'id'"),
        ({"id": "1"}, "qas[0]: lacks 'question'"),
        ({"id": "1", "question": "?", "answers": [{"text": 4}]}, "qas[0].answers[0]: text"),
        ({"id": "1", "question": "?", "is_impossible": "no"}, "is_impossible is true or false"),
        ("?", "qas[0]: expected an object"),
    ],
)
def test_a_broken_question_is_named_by_its_place_in_the_document(write, question, said):
    paragraphs = [{"context": "a", "qas": []}, {"context": "b", "qas": [question]}]
    path = write({"data": [OSLO, {"title": "t", "paragraphs": paragraphs}]})
    with pytest.raises(DataError) as caught:
        list(read_squad(path))
    assert str(caught.value).startswith(f"{path}: data[1].paragraphs[1].qas[0]")
    assert said in str(caught.value)


def test_an_id_that_stands_twice_is_named_with_both_places(write):
    path = write({"data": [OSLO, OSLO]})
    with pytest.raises(DataError) as caught:
        list(read_squad(path))
    assert caught.value.message == (
        f"{path}: data[1].paragraphs[0].qas[0]: the id '1' stands twice, "
        f"first at {path}: data[0].paragraphs[0].qas[0]."
    )


def test_a_document_that_breaks_off_is_named_by_its_line(tmp_path):
    path = tmp_path / "dev.json"
    path.write_text('{"data": [\n{"title": "a",\n')
    with pytest.raises(DataError, match=r"dev.json:3: not JSON"):
        list(read_squad(path))
