from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from rag_router.filters.certificates import (
    certified_accuracy,
    margin,
    prediction,
    survives_change,
    survives_injection,
)

VOTES = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=6)
SAID = ("a", "b", "c", "false", None)


def test_margin_and_prediction_by_hand():
    votes = ["a", "a", "b", None, "a", "c"]  # a 3, b 1, c 1
    assert (prediction(votes), margin(votes)) == ("a", 2)
    assert (prediction(["a", "b"]), margin(["a", "b"])) == (None, 0)


def test_where_all_abstain_nothing_is_predicted_or_certified():
    votes = [None, None]
    assert (prediction(votes), margin(votes)) == (None, 0)
    assert not survives_change(votes, 0)
    assert not survives_injection(votes, 1)
    assert prediction([]) is None


def test_one_replaced_passage_moves_the_margin_by_two():
    assert not survives_change(["a", "a"], 1)  # 2 is not more than 2 * 1
    assert survives_change(["a", "a", "a"], 1)  # 3 is


def test_of_injected_passages_only_what_falls_off_the_end_counts_twice():
    assert survives_injection(["a", "a", None], 1)  # 2 - 0 > 1
    assert not survives_injection(["a", "a"], 1)  # 2 - 1 is not


@given(VOTES, st.integers(1, 2))
def test_no_replacement_changes_what_is_certified(votes, corrupted):
    if not survives_change(votes, corrupted):
        return
    before = prediction(votes)
    for places in product(range(len(votes)), repeat=corrupted):
        for false in product(SAID, repeat=corrupted):
            after = list(votes)
            for place, vote in zip(places, false, strict=True):
                after[place] = vote
            assert prediction(after) == before


@given(VOTES, st.integers(1, 2))
def test_no_injection_changes_what_is_certified(votes, corrupted):
    if not survives_injection(votes, corrupted):
        return
    for false in product(SAID, repeat=corrupted):
        assert prediction([*false, *votes][: len(votes)]) == prediction(votes)


@given(st.lists(VOTES, max_size=8))
def test_against_nobody_certified_accuracy_is_accuracy(lines):
    right = [prediction(votes) == "a" for votes in lines]
    expected = sum(right) / len(right) if right else 0.0
    assert certified_accuracy(lines, right, 0) == expected


def test_certified_accuracy_falls_with_every_false_passage():
    lines = [["a"] * 5, ["a", "a", "b"], ["b"] * 5]
    right = [True, True, False]
    # Margins 5 and 1 of the right ones: 5 > 2, 1 is not; 5 > 4; 5 is not more than 6.
    shares = [certified_accuracy(lines, right, k) for k in range(4)]
    assert shares == [2 / 3, 1 / 3, 1 / 3, 0.0]
