from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.calibration.risk import NEVER, Outcomes, binomial_tail, threshold_within
from rag_router.errors import DataError


def test_the_tail_of_two_draws_by_hand():
    # P(none of two) = 0.8^2, P(at most one) = 1 - 0.2^2.
    assert binomial_tail(0, 2, 0.2) == pytest.approx(0.64)
    assert binomial_tail(1, 2, 0.2) == pytest.approx(0.96)
    assert binomial_tail(2, 2, 0.2) == 1.0


def test_of_no_draws_nothing_is_certain():
    assert binomial_tail(0, 0, 0.2) == 1.0


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.01, 0.99))
def test_the_tail_grows_with_the_number_counted(a, b, share):
    few, many = sorted((a, b))
    assert 0 <= binomial_tail(few, 60, share) <= binomial_tail(many, 60, share) <= 1


def test_eleven_right_ones_are_the_fewest_that_show_a_risk_of_a_fifth():
    # 0.8^11 = 0.086 <= 0.1, but 0.8^10 = 0.107.
    ten, eleven = (Outcomes.of([0.9] * n, [True] * n) for n in (10, 11))
    assert threshold_within(0.2, ten, ten) == NEVER
    assert threshold_within(0.2, eleven, eleven) == 0.9


def test_the_lowest_threshold_that_passes_is_taken():
    sure = Outcomes.of([0.9] * 40 + [0.6] * 40 + [0.1] * 40, [True] * 80 + [False] * 40)
    assert threshold_within(0.2, sure, sure) == 0.6


def test_where_the_testing_outcomes_are_wrong_nothing_is_answered():
    ordering = Outcomes.of([0.9] * 40, [True] * 40)
    testing = Outcomes.of([0.9] * 40, [False] * 40)
    assert threshold_within(0.2, ordering, testing) == NEVER


def test_higher_confidence_never_answers_more():
    random = np.random.default_rng(0)
    p = random.uniform(size=(2, 200))
    ordering, testing = (Outcomes.of(one, random.uniform(size=200) < one) for one in p)
    some = threshold_within(0.3, ordering, testing, confidence=0.8)
    more = threshold_within(0.3, ordering, testing, confidence=0.99)
    assert some <= more


def test_the_guarantee_holds_as_often_as_it_says():
    # Stated probabilities are true, so that the risk above t is 1 - (1 + t) / 2 on [0, 1]: at most
    # 0.2 from t = 0.6 on. 10 % of the draws may choose a lower threshold.
    random = np.random.default_rng(1)
    broken = 0
    for _ in range(300):
        p = random.uniform(size=(2, 150))
        ordering, testing = (Outcomes.of(one, random.uniform(size=150) < one) for one in p)
        broken += threshold_within(0.2, ordering, testing) < 0.6
    assert broken / 300 <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 300)


def test_without_outcomes_nothing_is_answered():
    nothing = Outcomes.of([], [])
    assert threshold_within(0.2, nothing, nothing) == NEVER


@pytest.mark.parametrize(("p", "right"), [([0.5], []), ([1.5], [True]), ([math.nan], [True])])
def test_columns_that_make_no_sense_are_refused(p, right):
    with pytest.raises(DataError):
        Outcomes.of(p, right)
