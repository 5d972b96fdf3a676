from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from rag_router.calibration import expected_calibration_error
from rag_router.errors import DataError
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.eval.metrics.gates import (
    Bin,
    auprc,
    auroc,
    brier,
    calibration_error,
    equal_mass_bins,
    equal_width_bins,
    gate_figures,
)
from rag_router.eval.metrics.selective import (
    aurc,
    excess_aurc,
    risk_coverage,
    selective_accuracy,
)

# Probabilities on a coarse grid, so that ties and bin edges are common.
P = st.integers(0, 20).map(lambda twentieth: twentieth / 20)
ROWS = st.lists(st.tuples(P, st.booleans()), min_size=1, max_size=30)
BOTH = ROWS.filter(lambda rows: len({right for _, right in rows}) == 2)


def columns(rows):
    return [p for p, _ in rows], [right for _, right in rows]


# --- order ------------------------------------------------------------------------------------


@given(BOTH)
def test_order_and_brier_equal_scikit_learn(rows):
    p, right = columns(rows)
    assert auroc(p, right) == pytest.approx(roc_auc_score(right, p))
    assert auprc(p, right) == pytest.approx(average_precision_score(right, p))
    assert brier(p, right) == pytest.approx(brier_score_loss(right, p))


def test_average_precision_by_hand():
    # Right ones at ranks 1 and 3: precision 1/1 and 2/3, each for half of the right ones.
    expected = (1 / 1 + 2 / 3) / 2
    assert auprc([0.9, 0.8, 0.7, 0.1], [True, False, True, False]) == pytest.approx(expected)


@given(BOTH)
def test_a_monotone_map_of_the_scores_changes_no_figure_of_order(rows):
    p, right = columns(rows)
    mapped = [math.exp(3 * x) - 7 for x in p]
    for figure in (auroc, auprc, aurc, excess_aurc):
        assert figure(mapped, right) == pytest.approx(figure(p, right))


@given(BOTH, st.randoms(use_true_random=False))
def test_no_figure_depends_on_the_order_of_the_questions(rows, random):
    mixed = random.sample(rows, len(rows))
    assert gate_figures(*columns(mixed)) == pytest.approx(gate_figures(*columns(rows)))
    for figure in (equal_width_bins, equal_mass_bins):
        one, other = (calibration_error(figure(*columns(some), bins=3)) for some in (rows, mixed))
        assert one == pytest.approx(other)
    assert excess_aurc(*columns(mixed)) == pytest.approx(excess_aurc(*columns(rows)))


def test_a_random_gate_has_half_of_the_auroc_within_its_interval():
    random = np.random.default_rng(3)
    scores, right = random.random(800), random.random(800) < 0.3
    interval = Bootstrap(resamples=2000).auroc(scores, right)
    assert interval.low < 0.5 < interval.high
    assert interval.high - interval.low < 0.1


def test_turning_the_scores_round_turns_the_auroc_round():
    scores, right = np.array([0.1, 0.4, 0.4, 0.8]), [False, True, False, True]
    assert auroc(-scores, right) == pytest.approx(1 - auroc(scores, right))


# --- calibration ------------------------------------------------------------------------------


def test_equal_mass_bins_by_hand():
    p, right = [0.8, 0.1, 0.9, 0.2], [True, False, True, True]
    bins = equal_mass_bins(p, right, bins=2)
    assert bins == (Bin(2, pytest.approx(0.15), 1 / 2), Bin(2, pytest.approx(0.85), 2 / 2))
    expected = (2 * abs(1 / 2 - 0.15) + 2 * abs(2 / 2 - 0.85)) / 4
    assert calibration_error(bins) == pytest.approx(expected)


def test_equal_probabilities_in_two_bins_bring_the_accuracy_of_all_of_them():
    # Four times 0.5, half of them right: well calibrated, whichever two stand in a bin.
    for right in set(permutations([True, True, False, False])):
        assert calibration_error(equal_mass_bins([0.5] * 4, right, bins=2)) == 0.0


def test_equal_width_bins_by_hand():
    # An edge belongs to the part below: 0.5 to (0, 0.5]; and 0 to the first.
    bins = equal_width_bins([0.0, 0.5, 0.6, 1.0], [False, True, True, True], bins=2)
    assert bins == (Bin(2, (0 + 0.5) / 2, 1 / 2), Bin(2, (0.6 + 1) / 2, 2 / 2))
    expected = (2 * abs(1 / 2 - 0.25) + 2 * abs(1 - 0.8)) / 4
    assert calibration_error(bins) == pytest.approx(expected)


@given(ROWS, st.integers(1, 12))
def test_equal_width_bins_equal_scikit_learn(rows, count):
    p, right = columns(rows)
    accuracy, confidence = calibration_curve(right, p, n_bins=count)
    bins = equal_width_bins(p, right, bins=count)
    assert [b.accuracy for b in bins] == pytest.approx(accuracy)
    assert [b.confidence for b in bins] == pytest.approx(confidence)
    assert sum(b.count for b in bins) == len(rows)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, unique_by=lambda r: r[0]))
def test_without_ties_equal_mass_is_what_the_artefact_cards_report(rows):
    p, right = columns(rows)
    ours = calibration_error(equal_mass_bins(p, right))
    assert ours == pytest.approx(expected_calibration_error(p, right))


@given(ROWS, st.integers(1, 15))
def test_calibration_error_lies_in_zero_to_one(rows, count):
    for cut in (equal_mass_bins, equal_width_bins):
        bins = cut(*columns(rows), bins=count)
        assert 0 <= calibration_error(bins) <= 1
        assert 1 <= len(bins) <= count


def test_there_are_never_more_bins_than_questions():
    assert len(equal_mass_bins([0.1, 0.2], [True, False], bins=10)) == 2
    with pytest.raises(DataError, match="0 bins"):
        equal_mass_bins([0.1], [True], bins=0)
    with pytest.raises(DataError, match="0 bins"):
        equal_width_bins([0.1], [True], bins=0)


# --- selective answering ----------------------------------------------------------------------


def test_risk_and_coverage_by_hand():
    # Surest first: right, wrong, right. Wrong among the first 1, 2, 3: 0, 1, 1.
    curve = risk_coverage([0.2, 0.9, 0.5], [True, True, False])
    assert curve.coverage == pytest.approx([1 / 3, 2 / 3, 3 / 3])
    assert curve.risk == pytest.approx([0 / 1, 1 / 2, 1 / 3])
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    # Best order: right, right, wrong, whose risks are 0, 0, 1/3.
    excess = (0 + 1 / 2 + 1 / 3) / 3 - (0 + 0 + 1 / 3) / 3
    assert excess_aurc([0.2, 0.9, 0.5], [True, True, False]) == pytest.approx(excess)


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6))
def test_ties_count_as_the_mean_over_all_orders_of_theirs(rows):
    def by_order(order):
        wrong = np.cumsum([not right for _, right in order])
        return np.mean(wrong / np.arange(1, len(order) + 1))

    scores = [score for score, _ in rows]
    orders = [o for o in permutations(rows) if [s for s, _ in o] == sorted(scores, reverse=True)]
    assert aurc(*columns(rows)) == pytest.approx(np.mean([by_order(o) for o in orders]))


def test_constant_confidence_risks_the_error_rate_at_every_coverage():
    assert risk_coverage([0.5] * 4, [True, False, False, True]).risk == pytest.approx([0.5] * 4)


@given(ROWS)
def test_no_order_beats_the_best_order(rows):
    p, right = columns(rows)
    assert aurc(right, right) <= aurc(p, right) + 1e-12
    assert excess_aurc(p, right) >= 0
    assert excess_aurc(right, right) == 0


def test_selective_accuracy_by_hand():
    p, right = [0.9, 0.8, 0.5, 0.5], [True, False, True, False]
    assert selective_accuracy(p, right, 0.25) == 1.0
    assert selective_accuracy(p, right, 0.5) == 1 / 2
    # The third place is one of two equals, of which one is right: (1 + 0 + 1/2) / 3.
    assert selective_accuracy(p, right, 0.75) == pytest.approx(1.5 / 3)
    assert selective_accuracy(p, right, 1.0) == 2 / 4
    # An eighth is half of the first question.
    assert selective_accuracy(p, right, 1 / 8) == 1.0


@pytest.mark.parametrize("coverage", [0.0, -0.1, 1.1, math.nan])
def test_a_coverage_outside_its_range_is_an_error(coverage):
    with pytest.raises(DataError, match="coverage is"):
        selective_accuracy([0.5], [True], coverage)


# --- all together -----------------------------------------------------------------------------


def test_the_figures_of_a_gate_by_hand():
    figures = gate_figures([0.9, 0.6, 0.4], [True, False, True])
    assert figures == pytest.approx(
        {
            "auroc": 1 / 2,
            "auprc": (1 / 1 + 2 / 3) / 2,
            "ece": (0.1 + 0.6 + 0.6) / 3,
            "brier": (0.1**2 + 0.6**2 + 0.6**2) / 3,
            "aurc": (0 + 1 / 2 + 1 / 3) / 3,
        }
    )


@pytest.mark.parametrize("right", [True, False])
def test_figures_that_need_both_classes_are_absent_without(right):
    assert set(gate_figures([0.1, 0.2], [right, right])) == {"ece", "brier", "aurc"}
    for figure in (auroc, auprc):
        with pytest.raises(DataError, match=r"needs both classes; all 2 are (right|wrong)"):
            figure([0.1, 0.2], [right, right])


@pytest.mark.parametrize(
    "figure", [auroc, auprc, brier, equal_mass_bins, equal_width_bins, aurc, gate_figures]
)
def test_broken_columns_are_errors(figure):
    with pytest.raises(DataError, match="1 of 2 are NaN or infinite, the first in row 1"):
        figure([0.5, math.nan], [True, False])
    with pytest.raises(DataError, match="different length"):
        figure([0.5, 0.5, 0.5], [True, False])
    with pytest.raises(DataError, match="there are no"):
        figure([], [])
    with pytest.raises(DataError, match="1 of 2"):
        figure([0.5, 0.5], [True, 2])


def test_a_probability_above_one_is_none():
    for figure in (brier, equal_mass_bins, equal_width_bins, gate_figures):
        with pytest.raises(DataError, match="1 of 2 are outside 0 to 1"):
            figure([0.5, 1.5], [True, False])
