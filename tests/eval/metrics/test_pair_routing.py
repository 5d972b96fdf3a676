from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import DataError
from rag_router.eval.metrics.pair_routing import apgr, apgr_of, calls_needed, strong_share_curve

ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), min_size=1, max_size=30
).filter(lambda rows: sum(s - w for _, w, s in rows) > 0)
PARTS = st.floats(0, 1)


def curve_of(rows):
    return strong_share_curve(*zip(*rows, strict=True))


def test_both_figures_by_hand():
    # Sent to the strong model in this order: a gain, nothing, a loss, a gain. Accuracy of four:
    # 1/4, 2/4, 2/4, 1/4, 2/4. The gap is 1/4.
    curve = strong_share_curve([9, 8, 7, 6], [0, 0, 1, 0], [1, 0, 0, 1])
    assert curve.accuracies.tolist() == [1 / 4, 2 / 4, 2 / 4, 1 / 4, 2 / 4]
    area = 1 / 4 * (1.5 / 4 + 2 / 4 + 1.5 / 4 + 1.5 / 4)
    assert apgr(curve) == pytest.approx((area - 1 / 4) / (1 / 4))
    # The whole gap is recovered at the first call, although it is lost again later.
    assert calls_needed(curve, 1.0) == 1 / 4
    assert calls_needed(curve, 0.5) == pytest.approx(1 / 8)
    assert calls_needed(curve, 0.0) == 0.0


def test_random_routing_has_half_of_everything():
    random = np.random.default_rng(5)
    weak, strong = random.random(4000) < 0.3, random.random(4000) < 0.7
    curve = strong_share_curve(random.random(4000), weak, strong)
    assert apgr(curve) == pytest.approx(0.5, abs=0.05)
    assert calls_needed(curve, 0.5) == pytest.approx(0.5, abs=0.05)
    # Equal scores are what random routing is on average.
    constant = strong_share_curve(np.zeros(4000), weak, strong)
    assert apgr(constant) == pytest.approx(0.5)
    assert [calls_needed(constant, x) for x in (0.2, 0.5, 0.8)] == pytest.approx([0.2, 0.5, 0.8])


@given(ROWS)
def test_the_oracle_has_the_highest_apgr_and_needs_the_fewest_calls(rows):
    _, weak, strong = zip(*rows, strict=True)
    oracle = strong_share_curve(np.subtract(strong, weak, dtype=float), weak, strong)
    assert apgr(oracle) >= apgr(curve_of(rows)) - 1e-9
    for part in (0.2, 0.5, 0.8, 1.0):
        assert calls_needed(oracle, part) <= calls_needed(curve_of(rows), part) + 1e-9


@given(ROWS, PARTS, PARTS)
def test_more_of_the_gap_never_needs_fewer_calls(rows, one, other):
    less, more = sorted((one, other))
    curve = curve_of(rows)
    assert 0 <= calls_needed(curve, less) <= calls_needed(curve, more) + 1e-12 <= 1 + 1e-12


@given(ROWS, PARTS)
def test_the_calls_needed_reach_the_target_and_no_fewer_do(rows, part):
    curve = curve_of(rows)
    target = curve.accuracies[0] + part * (curve.accuracies[-1] - curve.accuracies[0])
    share = calls_needed(curve, part)
    assert curve.at(share) == pytest.approx(target) or share == 0
    before = [curve.at(s) for s in np.linspace(0, share, 50, endpoint=False)]
    assert all(accuracy < target + 1e-9 for accuracy in before)


@given(ROWS, st.randoms(use_true_random=False))
def test_neither_the_order_of_the_questions_nor_a_monotone_map_matters(rows, random):
    mixed = [(math.exp(win), *rest) for win, *rest in random.sample(rows, len(rows))]
    one, other = curve_of(rows), curve_of(mixed)
    assert apgr(one) == pytest.approx(apgr(other))
    assert calls_needed(one, 0.5) == pytest.approx(calls_needed(other, 0.5))


def test_without_a_gap_there_is_nothing_to_recover():
    for weak, strong in (([1, 0], [0, 1]), ([1, 1], [0, 1])):
        curve = strong_share_curve([1, 2], weak, strong)
        with pytest.raises(DataError, match="is not better than the weak one"):
            apgr(curve)
        with pytest.raises(DataError, match="is not better"):
            calls_needed(curve, 0.5)


@pytest.mark.parametrize("part", [-0.1, 1.1, 50, math.nan])
def test_a_part_of_the_gap_lies_in_zero_to_one(part):
    with pytest.raises(DataError, match="Use 0 to 1"):
        calls_needed(strong_share_curve([1], [0], [1]), part)


def test_broken_columns_are_errors():
    with pytest.raises(DataError, match="win scores: 1 of 1 are NaN"):
        strong_share_curve([math.nan], [0], [1])
    with pytest.raises(DataError, match="different length"):
        strong_share_curve([1, 2], [0], [1])
    with pytest.raises(DataError, match="there are no"):
        strong_share_curve([], [], [])


@given(ROWS)
def test_with_even_weights_the_statistic_is_the_figure(rows):
    win, weak, strong = zip(*rows, strict=True)
    curve = curve_of(rows)
    assert apgr_of(win, weak, strong)(np.ones((1, len(rows))))[0] == pytest.approx(apgr(curve))


def test_a_question_that_counts_twice_is_two_questions():
    win, weak, strong = [3.0, 2.0, 2.0], [0, 1, 0], [1, 0, 1]
    twice = apgr_of([3.0, 3.0, 2.0, 2.0], [0, 0, 1, 0], [1, 1, 0, 1])(np.ones((1, 4)))
    assert apgr_of(win, weak, strong)(np.array([[2.0, 1.0, 1.0]])) == pytest.approx(twice)


def test_a_draw_without_a_gap_has_no_figure():
    drawn = apgr_of([1.0, 2.0], [1, 0], [0, 1])(np.array([[1.0, 1.0], [0.0, 2.0]]))
    assert math.isnan(drawn[0])
    # Equal questions in any order: a straight line.
    assert drawn[1] == 0.5
