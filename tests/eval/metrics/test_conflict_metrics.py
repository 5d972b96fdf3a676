from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import DataError
from rag_router.eval.metrics.abstention import abstention_figures
from rag_router.eval.metrics.conflict import (
    Followed,
    conflict_figures,
    followed,
    harmed_share,
    memorization_ratio,
)

FLAGS = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=20)


def test_answers_are_counted_by_whom_they_follow():
    answers = ["Lyon.", "It is Paris", "Paris, or Lyon", "Rome", None]
    counts = followed(answers, [["Lyon"]] * 5, [["Paris", "Lutetia"]] * 5)
    assert counts == Followed(context=1, memory=1, both=1, neither=2)
    assert counts.total == 5
    assert conflict_figures(counts) == {
        "follows_context": 1 / 5,
        "follows_memory": 1 / 5,
        "memorization_ratio": 1 / (1 + 1),
    }


def test_the_ratio_is_absent_where_nobody_is_followed():
    counts = Followed(context=0, memory=0, both=2, neither=1)
    assert conflict_figures(counts) == {"follows_context": 0.0, "follows_memory": 0.0}
    assert memorization_ratio(0, 0) is None


def test_the_memorization_ratio_by_hand():
    assert memorization_ratio(3, 1) == 3 / 4
    assert memorization_ratio(0.2, 0.6) == pytest.approx(0.25)
    assert memorization_ratio(0, 5) == 0.0
    for broken in ((-1, 2), (1, -2), (math.nan, 1)):
        with pytest.raises(DataError):
            memorization_ratio(*broken)


def test_a_conflict_of_equal_answers_is_none():
    with pytest.raises(DataError, match=r"row 1 .* is no conflict: .* 'paris'"):
        followed(["x", "x"], [["Lyon"], ["The Paris"]], [["Paris"], ["Rome", "paris!"]])


def test_columns_of_a_conflict_have_one_length():
    for columns in (([], [], []), (["x"], [], [["y"]]), (["x"], [["y"]], [["z"], ["z"]])):
        with pytest.raises(DataError, match="Give one of each"):
            followed(*columns)


def test_the_harmed_are_those_that_were_right_before():
    # Right before: 0, 1, 2; of those, 1 is wrong after. Question 3 was wrong anyway.
    assert harmed_share([1, 1, 1, 0], [1, 0, 1, 0]) == pytest.approx(1 / 3)
    assert harmed_share([0, 0], [1, 0]) is None
    with pytest.raises(DataError, match="1 before, 2 after"):
        harmed_share([1], [1, 0])
    with pytest.raises(DataError, match="there are no"):
        harmed_share([], [])
    with pytest.raises(DataError, match="neither 0 nor 1"):
        harmed_share([0.5], [1])


def test_abstention_by_hand():
    answerable = [1, 1, 1, 1, 0, 0]
    declined = [0, 0, 0, 1, 1, 0]
    right = [1, 1, 0, 0, 0, 0]
    # Answers: four given, two right, four answerable: P = 2/4, R = 2/4.
    # Declined: two, one of them rightly, of two unanswerable: P = 1/2, R = 1/2.
    assert abstention_figures(answerable, declined, right) == {
        "f1_ans": pytest.approx(2 * (2 / 4) * (2 / 4) / (2 / 4 + 2 / 4)),
        "f1_abs": pytest.approx(2 * (1 / 2) * (1 / 2) / (1 / 2 + 1 / 2)),
        "over_refusal": 1 / 4,
    }


def test_figures_of_questions_that_are_not_there_are_absent():
    assert set(abstention_figures([1], [0], [1])) == {"f1_ans", "over_refusal"}
    assert abstention_figures([0], [0], [0]) == {"f1_abs": 0.0}
    with pytest.raises(DataError, match="1 answerable, 2 declined, 1 right"):
        abstention_figures([1], [0, 1], [1])


@given(FLAGS, st.randoms(use_true_random=False))
def test_the_order_of_the_questions_does_not_matter(rows, random):
    mixed = random.sample(rows, len(rows))
    one, other = (tuple(zip(*some, strict=True)) for some in (rows, mixed))
    assert abstention_figures(*one) == pytest.approx(abstention_figures(*other))
    assert harmed_share(*one[:2]) == pytest.approx(harmed_share(*other[:2]))
    assert all(0 <= figure <= 1 for figure in abstention_figures(*one).values())
