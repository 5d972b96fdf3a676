from __future__ import annotations

import json

import pytest

from rag_router.errors import DataError
from rag_router.eval.readers.formats import find_format
from rag_router.eval.readers.triviaqa import read_triviaqa


@pytest.fixture
def write(tmp_path):
    def write(*rows):
        path = tmp_path / "wikipedia-dev.json"
        path.write_text(json.dumps({"Data": rows, "Domain": "Wikipedia"}, indent=2))
        return path

    return write


def test_answers_are_the_value_its_aliases_and_what_normalising_adds(write):
    answer = {
        "Value": "Sunset Boulevard",
        "Aliases": ["Sunset Blvd.", "Sunset Boulevard"],
        # The first is "Sunset Blvd." without case and full stop, the second is new.
        "NormalizedAliases": ["sunset blvd", "sunset strip"],
        "Type": "WikipediaEntity",
        "MatchedWikiEntityName": "Sunset Boulevard",
    }
    row = {
        "QuestionId": "tc_33",
        "QuestionSource": "quiz",
        "Question": "Which musical?",
        "Answer": answer,
    }
    path = write(row | {"EntityPages": [{"Filename": "a.txt"}]})
    assert find_format(path) == "triviaqa"
    (question,) = read_triviaqa(path)
    assert question.id == "tc_33"
    assert question.answers == ("Sunset Boulevard", "Sunset Blvd.", "sunset strip")
    assert question.contexts == ()
    assert question.meta == {
        "source": "quiz",
        "answer_type": "WikipediaEntity",
        "answer_entity": "Sunset Boulevard",
    }


def test_a_question_of_a_hidden_test_set_has_no_answers(write):
    (question,) = read_triviaqa(write({"QuestionId": "a", "Question": "?"}))
    assert question.answers == ()


def test_a_broken_row_is_named_by_its_place(write):
    rows = [
        {"QuestionId": "a", "Question": "?"},
        {"QuestionId": "b", "Question": "?", "Answer": {"Aliases": "Oslo"}},
    ]
    with pytest.raises(DataError, match=r"json: Data\[1\]\.Answer: Aliases is a list"):
        list(read_triviaqa(write(*rows)))
