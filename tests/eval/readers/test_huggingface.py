from __future__ import annotations

from importlib.util import find_spec

import pytest

from rag_router.errors import DataError, UnavailableError, UsageError
from rag_router.eval.datasets import read_questions
from rag_router.eval.readers import Columns, read_huggingface
from rag_router.eval.readers.huggingface import Source, only_split


def read(*records, columns=None):
    return list(read_huggingface("hf:org/name@test", columns=columns, load=lambda _: records))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("hf:org/name", ("org/name", None, None)),
        ("hf:name@test", ("name", None, "test")),
        ("hf:org/a-b.c:20231101.en@train", ("org/a-b.c", "20231101.en", "train")),
    ],
)
def test_a_name_says_set_configuration_and_split(text, parts):
    source = Source.parse(text)
    assert (source.name, source.config, source.split) == parts
    assert str(source) == text


@pytest.mark.parametrize("text", ["hf:", "hf:a/b/c", "hf:a@", "hf:a:b:c", "org/name"])
def test_another_form_is_refused(text):
    with pytest.raises(UsageError, match="names no data set"):
        Source.parse(text)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"answers": ["a", "b", "a"]}, ("a", "b")),
        ({"answer": "a"}, ("a",)),
        ({"answers": {"text": ["a", "a"], "answer_start": [0, 9]}}, ("a",)),
        (
            {"answer": {"value": "a", "aliases": ["b"], "normalized_aliases": ["c"]}},
            ("a", "b", "c"),
        ),
        ({"possible_answers": '["a", "b"]'}, ("a", "b")),
        ({"answer": "[sic"}, ("[sic",)),
        ({"answer": True}, ("yes",)),
        ({"answer": False}, ("no",)),
        ({"answers": None}, ()),
        ({}, ()),
    ],
)
def test_answers_are_found_under_their_usual_names_and_shapes(answers, expected):
    (question,) = read({"question": "?"} | answers)
    assert question.answers == expected


@pytest.mark.parametrize(
    "choice",
    [
        {"choices": ["x", "y"], "answer": 1},
        {"options": ["x", "y"], "answer": "B"},
        {"choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "2"},
    ],
)
def test_multiple_choice_keeps_its_choices_and_names_the_letter(choice):
    (question,) = read({"question": "?"} | choice)
    assert question.answers == ("y",)
    assert question.meta == {"choices": ["x", "y"], "answer_letter": "B"}


def test_plain_columns_join_meta_and_a_context_becomes_a_passage():
    record = {"id": 5, "question": "?", "title": "T", "context": "text", "pop": 3, "tree": {"a": 1}}
    (question,) = read(record)
    assert question.id == "5"
    assert (question.contexts[0].title, question.contexts[0].text) == ("T", "text")
    assert question.meta == {"title": "T", "pop": 3}


def test_a_row_without_an_id_is_called_after_the_set():
    assert [q.id for q in read({"question": "a"}, {"question": "b"})] == [
        "hf:org/name@test:1",
        "hf:org/name@test:2",
    ]


def test_given_columns_win_and_must_be_there():
    record = {"question": "old", "frage": "neu", "antwort": ["ja"]}
    (question,) = read(record, columns=Columns(question="frage", answers="antwort"))
    assert (question.text, question.answers) == ("neu", ("ja",))
    with pytest.raises(DataError, match="row 1: no column 'demande' among question, frage"):
        read(record, columns=Columns(question="demande"))


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"text": "a"}, "no column looks like a question among text"),
        ({"question": 5}, "question: expected text, saw 5"),
        ({"question": "?", "answer": 5}, "answer: answers are texts, saw int 5"),
        ({"question": "?", "answers": [["a"]]}, "answers: answers are texts, saw list"),
        ({"question": "?", "answers": {"text": [1]}}, "answers: answers are texts"),
        ({"question": "?", "answer": 4, "choices": ["x"]}, "answer: 4 names none of 1 choices"),
    ],
)
def test_a_row_that_is_no_question_is_named(record, said):
    with pytest.raises(DataError) as caught:
        read({"question": "fine"}, record)
    assert caught.value.message.startswith("hf:org/name@test: row 2: " + said)


def test_theonly_split_is_taken_and_of_several_one_must_be_named():
    rows = [{"question": "?"}]
    assert only_split(Source("a"), {"test": rows}) is rows
    with pytest.raises(UsageError, match=r"2 splits: test, dev. Name one, such as hf:a@test"):
        only_split(Source("a"), {"test": rows, "dev": rows})


@pytest.mark.skipif(find_spec("datasets") is not None, reason="the library is installed")
def test_without_the_library_an_error_says_what_to_install():
    with pytest.raises(UnavailableError, match="pip install 'datasets"):
        read_questions(["hf:org/name@test"])
