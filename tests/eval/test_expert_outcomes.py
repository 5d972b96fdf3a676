"""Outcome matrices: recorded ones read, rows taken, what experts say handed on."""

from __future__ import annotations

import numpy as np
import pytest
from stand_ins import question

from rag_router.errors import DataError
from rag_router.eval.expert_outcomes import (
    OutcomeMatrix,
    field_of,
    recorded_names,
    recorded_outcomes,
    shown_text,
)
from rag_router.experts.card import Card


def card(name, *, price=0.0, parameters=0):
    return Card(
        name=name,
        kind="remote",
        model=name,
        abilities=frozenset(),
        price_prompt=price,
        price_completion=price,
        parameters=parameters,
    )


def row(number, big, small, **meta):
    return question(
        f"question {number}",
        f"q{number}",
        meta={"big_correct": big, "small_correct": small, **meta},
    )


ROWS = [row(1, True, False, subject="law"), row(2, True, True), row(3, None, True)]
CARDS = [card("small", price=1.0), card("big", price=10.0)]


def test_recorded_outcomes_are_columns_in_the_order_of_the_cards():
    matrix = recorded_outcomes(ROWS, CARDS)
    # The third question has no outcome of the big one, and is left out.
    assert [q.id for q in matrix.questions] == ["q1", "q2"]
    assert matrix.experts == ("small", "big")
    assert matrix.right.tolist() == [[0, 1], [1, 1]]
    # 220 tokens at 1 and at 10 for a million.
    assert matrix.cost.tolist() == [pytest.approx([220e-6, 2200e-6])] * 2
    assert matrix.fields == ("law", "all")


def test_sizes_are_the_cost_where_nobody_has_a_price():
    cards = [card("small", parameters=2_000_000_000), card("big", parameters=7_000_000_000)]
    assert recorded_outcomes(ROWS, cards).cost[0].tolist() == [2, 7]


def test_what_is_not_recorded_is_told_with_what_is():
    with pytest.raises(DataError, match="holds other_correct") as told:
        recorded_outcomes(ROWS, [card("other")])
    assert "big, small" in told.value.hint
    assert recorded_names([question("why?")]) == ()


def test_a_question_is_of_the_finest_subject_that_its_set_names():
    assert field_of(question("?", meta={"category": "c", "subject": "s"}), "set") == "s"
    assert field_of(question("?", meta={"category": "c"}), "set") == "c"
    assert field_of(question("?"), "set") == "set"


def test_a_question_is_shown_with_its_choices():
    asked = question("Which?", meta={"choices": ["one", "two"]})
    assert shown_text(asked) == "Which?\nA. one\nB. two"
    assert shown_text(question("Why?")) == "Why?"


def test_rows_are_taken_of_everything():
    matrix = OutcomeMatrix(
        questions=tuple(question(f"{n}", str(n)) for n in range(3)),
        fields=("a", "b", "c"),
        cards=tuple(CARDS),
        right=np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]),
        cost=np.array([[1.0, 2.0]] * 3),
        p_know=np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]),
    )
    some = matrix.rows(np.array([True, False, True]))
    assert (some.fields, some.right.tolist()) == (("a", "c"), [[0, 1], [0, 0]])
    assert some.knowing()("big", [1, 0]) == [0.6, 0.2]
    lesson = some.lesson(np.zeros((2, 4), dtype=np.float32), seed=3)
    assert (lesson.experts, lesson.fields, lesson.seed) == (("small", "big"), ("a", "c"), 3)
    assert matrix.rows(np.array([1])).questions[0].id == "1"


def test_where_nobody_was_asked_nobody_can_tell():
    assert recorded_outcomes(ROWS, CARDS).knowing() is None
