from __future__ import annotations

import pytest
from little_house import scripted_expert
from stand_ins import passage

from rag_router.errors import QuestionError
from rag_router.eval.readable import leave_out, readable
from rag_router.experts import Expert
from rag_router.models.prompts import PromptStyle, closed_book_prompt, contextual_prompt
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.types import Question


def expert(context_tokens: int) -> Expert:
    model = ScriptedModel({}, otherwise=Reply("x"), context_tokens=context_tokens)
    return Expert(name="small", model=model, style=PromptStyle(shots=0))


def asked(*sizes: int) -> list[Question]:
    return [Question(id=f"of {size}", text="q" * size) for size in sizes]


def test_a_question_that_the_model_can_read_is_kept_and_a_longer_one_is_named():
    # A token is a byte here, and 64 are kept free for the answer.
    empty = len(closed_book_prompt(expert(999).model, expert(999).style, "q").ids) - 1
    small = expert(empty + 64 + 300)
    found = readable(small, asked(301, 10, 300, 400))
    assert [question.id for question in found.questions] == ["of 10", "of 300"]
    assert found.rows == [1, 2]
    assert list(found.too_long) == ["of 301", "of 400"]
    assert f"makes a prompt of {empty + 301} tokens" in found.too_long["of 301"]


def test_what_can_be_read_alone_can_be_read_beside_passages():
    empty = len(closed_book_prompt(expert(999).model, expert(999).style, "q").ids) - 1
    small = expert(empty + 64 + 300)
    for question in readable(small, asked(200, 299, 300)).questions:
        contextual_prompt(small.model, small.style, question.text, [passage("It is so. " * 9)])


def test_of_questions_that_all_fit_none_is_left_out():
    found = readable(scripted_expert({}), asked(1, 2, 3))
    assert (found.rows, found.too_long) == ([0, 1, 2], {})
    assert readable(scripted_expert({}), []).questions == []


def test_once_one_fits_no_shorter_one_is_tried():
    tried = []

    def read(row: int) -> None:
        tried.append(row)
        if row in {4, 1}:
            raise QuestionError(f"{row} is too long.")

    assert leave_out([4, 1, 3, 0], read) == {4: "4 is too long.", 1: "1 is too long."}
    assert tried == [4, 1, 3]


def test_what_is_wrong_otherwise_is_not_taken_for_length():
    def read(row: int) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        leave_out([0], read)
