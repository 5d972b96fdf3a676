from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.calibration import Platt, auroc, brier_score, expected_calibration_error, logit
from rag_router.errors import DataError

SCORES = st.floats(-1e6, 1e6)


def test_auroc_is_the_share_of_pairs_in_the_right_order_with_ties_as_halves():
    # Right: 0.9, 0.5. Wrong: 0.5, 0.1. Pairs: 0.9>0.5, 0.9>0.1, 0.5=0.5 (half), 0.5>0.1.
    scores, labels = [0.9, 0.5, 0.5, 0.1], [True, True, False, False]
    assert auroc(scores, labels) == (1 + 1 + 0.5 + 1) / 4


def test_auroc_of_perfect_reversed_and_constant_scores():
    labels = [True, True, False]
    assert auroc([3, 2, 1], labels) == 1.0
    assert auroc([1, 2, 3], labels) == 0.0
    assert auroc([7, 7, 7], labels) == 0.5


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
def test_auroc_equals_counting_all_pairs(rows):
    right = [s for s, y in rows if y]
    wrong = [s for s, y in rows if not y]
    scores, labels = [s for s, _ in rows], [y for _, y in rows]
    if not right or not wrong:
        with pytest.raises(DataError):
            auroc(scores, labels)
        return
    wins = sum((r > w) + 0.5 * (r == w) for r in right for w in wrong)
    assert auroc(scores, labels) == pytest.approx(wins / len(right) / len(wrong))


def test_brier_is_the_mean_squared_distance():
    expected = ((0.8 - 1) ** 2 + (0.3 - 0) ** 2) / 2
    assert brier_score([0.8, 0.3], [True, False]) == pytest.approx(expected)


def test_calibration_error_weighs_the_gap_of_each_bin_by_its_mass():
    # Two bins of two: confidence 0.15 and right 1/2; confidence 0.85 and right 2/2.
    p, labels = [0.8, 0.1, 0.9, 0.2], [True, False, True, True]
    expected = (2 * abs(1 / 2 - 0.15) + 2 * abs(2 / 2 - 0.85)) / 4
    assert expected_calibration_error(p, labels, bins=2) == pytest.approx(expected)


def test_bins_without_rows_count_nothing():
    assert expected_calibration_error([0.7], [True], bins=10) == pytest.approx(0.3)


def test_logit_is_the_inverse_of_the_logistic_curve_and_finite_at_the_edges():
    assert logit([0.5, 0.75]).tolist() == pytest.approx([0.0, math.log(0.75 / 0.25)])
    edge = math.log((1 - 1e-6) / 1e-6)
    assert logit([0.0, 1.0]).tolist() == pytest.approx([-edge, edge])


def test_platt_recovers_the_curve_that_made_the_labels():
    random = np.random.default_rng(7)
    x = random.normal(size=20_000)
    labels = random.random(20_000) < 1 / (1 + np.exp(-(1.5 * x - 0.5)))
    fitted = Platt.fit(x, labels.tolist())
    assert fitted.slopes[0] == pytest.approx(1.5, abs=0.08)
    assert fitted.intercept == pytest.approx(-0.5, abs=0.05)


def test_platt_recovers_two_slopes_on_scores_of_very_different_size():
    random = np.random.default_rng(8)
    x = random.normal(size=(20_000, 2)) * [1.0, 1000.0] + [0.0, 5000.0]
    z = 1.0 * x[:, 0] - 0.002 * x[:, 1] + 10.0
    labels = random.random(20_000) < 1 / (1 + np.exp(-z))
    fitted = Platt.fit(x, labels.tolist())
    assert fitted.slopes == pytest.approx((1.0, -0.002), rel=0.1)
    assert fitted.intercept == pytest.approx(10.0, rel=0.1)


def test_smoothed_targets_keep_separable_data_finite():
    fitted = Platt.fit([-2.0, -1.0, 1.0, 2.0], [False, False, True, True])
    assert np.isfinite([*fitted.slopes, fitted.intercept]).all()
    # Two of each class: targets (2 + 1) / (2 + 2) and 1 / (2 + 2), symmetric about zero.
    p = fitted([-1.5, 0.0, 1.5])
    assert p[1] == pytest.approx(0.5)
    assert p[2] == pytest.approx((2 + 1) / (2 + 2), abs=0.05)
    assert p[0] == pytest.approx(1 / (2 + 2), abs=0.05)


def test_a_constant_score_says_the_smoothed_base_rate():
    fitted = Platt.fit([5.0] * 4, [True, True, True, False])
    # Mean target: (3 * (3 + 1) / (3 + 2) + 1 * 1 / (1 + 2)) / 4
    assert fitted([5.0])[0] == pytest.approx((3 * 4 / 5 + 1 / 3) / 4, abs=1e-4)


@pytest.mark.parametrize("labels", [[True, True], [False, False], []])
def test_one_class_alone_is_an_error(labels):
    with pytest.raises(DataError, match="both classes"):
        Platt.fit([0.0] * len(labels), labels)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_scores_that_are_not_finite_are_an_error(odd):
    with pytest.raises(DataError, match="NaN or infinity"):
        Platt.fit([0.0, odd], [True, False])


@given(SCORES, st.floats(-100, 100), st.floats(-100, 100))
def test_probabilities_lie_strictly_between_zero_and_one(score, slope, intercept):
    assert 0 < Platt((slope,), intercept)([score])[0] < 1


@given(SCORES, SCORES, st.floats(0, 10), st.floats(-10, 10))
def test_a_higher_score_never_means_a_lower_probability(one, other, slope, intercept):
    low, high = sorted((one, other))
    p = Platt((slope,), intercept)([low, high])
    assert p[0] <= p[1]


@given(st.lists(st.tuples(st.floats(-50, 50), st.booleans()), min_size=2, max_size=40))
def test_any_data_with_both_classes_can_be_fitted(rows):
    scores, labels = [s for s, _ in rows], [y for _, y in rows]
    if len(set(labels)) < 2:
        return
    p = Platt.fit(scores, labels)(scores)
    assert ((p > 0) & (p < 1)).all()
    # Maximum likelihood on smoothed targets reproduces their mean.
    n, m = sum(labels), len(labels) - sum(labels)
    mean = (n * (n + 1) / (n + 2) + m / (m + 2)) / (n + m)
    assert p.mean() == pytest.approx(mean, abs=1e-4)


def test_what_is_known_already_is_added_to():
    # Two of four are right, so the smoothed targets, 3/4 and 1/4, have a mean of 1/2: log-odds of
    # 0. Log 3 is known already, and -log 3 takes it back.
    fitted = Platt.fit([5.0] * 4, [True, False, True, False], offset=[math.log(3)] * 4)
    assert fitted.slopes == (0.0,)
    assert fitted.intercept == pytest.approx(-math.log(3), abs=1e-6)
    with pytest.raises(DataError, match="NaN"):
        Platt.fit([5.0] * 2, [True, False], offset=[0.0, math.nan])
