from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from rag_router.calibration import auroc
from rag_router.errors import DataError, SettingsError
from rag_router.eval.metrics.bootstrap import Bootstrap, Interval
from rag_router.eval.metrics.weighted import auroc_of, mean_of, ratio_of

FEW = Bootstrap(resamples=2000)


# --- weighted figures -------------------------------------------------------------------------


def test_weighted_mean_and_ratio_by_hand():
    weights = np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0]])
    assert mean_of([3, 6, 9])(weights).tolist() == [(3 + 6 + 9) / 3, (2 * 3 + 9) / 3]
    ratio = ratio_of([1, 0, 1], [10, 20, 30])
    assert ratio(weights).tolist() == [2 / 60, (2 * 1 + 1) / (2 * 10 + 30)]
    assert np.isnan(ratio_of([1.0], [0.0])(np.ones((1, 1))))


WEIGHED = st.lists(
    st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3)), min_size=2, max_size=30
).filter(lambda rows: len({right for _, right, weight in rows if weight}) == 2)


@given(WEIGHED)
def test_weighted_auroc_equals_scikit_learn_and_repeating_the_rows(rows):
    scores, right, weights = map(np.array, zip(*rows, strict=True))
    found = auroc_of(scores, right)(np.vstack([weights, np.ones(len(rows))]).astype(float))
    assert found[0] == pytest.approx(roc_auc_score(right, scores, sample_weight=weights))
    repeated = np.repeat(scores, weights), np.repeat(right, weights).tolist()
    assert found[0] == pytest.approx(auroc(*repeated))
    assert found[1] == pytest.approx(auroc(scores, right.tolist()))


def test_a_draw_without_one_class_has_no_auroc():
    found = auroc_of([1, 2, 3], [False, True, True])(np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]]))
    assert math.isnan(found[0])
    assert found[1] == 1.0


# --- intervals --------------------------------------------------------------------------------


def test_the_interval_of_a_constant_is_a_point():
    assert FEW.mean([0.3] * 10) == Interval(*[pytest.approx(0.3)] * 3)
    assert FEW.mean([1.0]) == Interval(1.0, 1.0, 1.0)


def test_the_interval_of_a_mean_is_near_that_of_the_normal_curve():
    values = np.random.default_rng(0).random(400)
    interval = Bootstrap().mean(values)
    half = 1.96 * values.std() / np.sqrt(400)
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.003)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.003)


def test_a_lower_level_gives_a_narrower_interval():
    values = np.random.default_rng(0).random(100)
    wide, narrow = FEW.mean(values), Bootstrap(resamples=2000, level=0.5).mean(values)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_the_same_seed_gives_the_same_interval_and_another_another():
    values = np.random.default_rng(0).random(100)
    assert FEW.mean(values) == FEW.mean(values)
    assert FEW.mean(values) != Bootstrap(resamples=2000, seed=1).mean(values)


def test_every_draw_has_as_many_questions_as_there_are():
    totals = []

    class Watched:
        n = 7

        def __call__(self, weights):
            totals.extend(weights.sum(axis=1))
            assert weights.shape[1] == 7
            assert (weights >= 0).all()
            return weights[:, 0]

    interval = FEW.interval(Watched())
    assert totals == [7] * 2001
    # How often one question is drawn is binomial of 7 draws at 1/7; P(3 or more) = 0.066.
    assert (interval.value, interval.low, interval.high) == (1, 0, 3)


def test_the_95_percent_interval_holds_the_truth_in_about_95_percent_of_samples():
    random = np.random.default_rng(11)
    held = 0
    for _ in range(200):
        interval = Bootstrap(resamples=400).mean(random.random(60) < 0.4)
        held += interval.low <= 0.4 <= interval.high
    # Of 200, 190 expected with deviation sqrt(200 * 0.95 * 0.05) = 3.1; percentile intervals of
    # 60 questions are a little too narrow.
    assert 0.90 <= held / 200 <= 0.99


def test_no_difference_is_found_in_about_five_percent_of_equal_pairs():
    random = np.random.default_rng(12)
    values = [
        Bootstrap(resamples=400).mean_difference(random.random(80), random.random(80)).p_value
        for _ in range(200)
    ]
    # Under no difference the p-value is uniform: 10 of 200 below 0.05, deviation 3.1.
    assert 2 <= sum(p < 0.05 for p in values) <= 20
    assert np.mean(values) == pytest.approx(0.5, abs=0.07)


# --- differences ------------------------------------------------------------------------------


def test_a_constant_gain_on_every_question_is_certain_although_both_means_are_not():
    theirs = np.random.default_rng(0).random(50) / 2
    found = FEW.mean_difference(theirs + 0.1, theirs)
    assert (found.value, found.low, found.high) == (pytest.approx(0.1),) * 3
    assert found.p_value == 1 / (1 + 2000)
    alone = FEW.mean(theirs)
    assert alone.high - alone.low > 0.05


def test_no_gain_anywhere_is_certainly_none():
    same = [0.0, 1.0, 1.0]
    assert FEW.mean_difference(same, same).p_value == 1.0
    # 0.1 + 0.2 - 0.3 is 5.6e-17, which is no gain.
    assert FEW.mean_difference([0.1 + 0.2], [0.3]).p_value == 1.0


def test_a_difference_turned_round_turns_its_interval_round():
    random = np.random.default_rng(1)
    ours, theirs = random.random(60), random.random(60)
    one, other = FEW.mean_difference(ours, theirs), FEW.mean_difference(theirs, ours)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert one.p_value + other.p_value == pytest.approx(1, abs=0.002)


def test_the_difference_of_two_aurocs_is_paired():
    random = np.random.default_rng(2)
    right = random.random(300) < 0.5
    good, poor = right + random.normal(size=300), right + 4 * random.normal(size=300)
    found = FEW.auroc_difference(good, poor, right)
    labels = right.tolist()
    assert found.value == pytest.approx(auroc(good, labels) - auroc(poor, labels))
    assert 0 < found.low < found.value < found.high
    assert found.p_value < 0.01
    itself = FEW.auroc_difference(good, np.exp(good), right)
    assert (itself.value, itself.low, itself.high, itself.p_value) == (0, 0, 0, 1)


def test_an_auroc_interval_holds_its_value():
    random = np.random.default_rng(4)
    right = random.random(200) < 0.3
    interval = FEW.auroc(right + random.normal(size=200), right)
    assert interval.low < interval.value < interval.high <= 1


# --- strata -----------------------------------------------------------------------------------


def test_inside_strata_of_equal_values_nothing_varies():
    values, strata = [0.0, 1.0] * 20, ["easy", "hard"] * 20
    assert FEW.mean(values, strata=strata) == Interval(0.5, 0.5, 0.5)
    assert FEW.mean(values).low < 0.5


def test_every_stratum_is_drawn_from_evenly():
    seen = []

    class Watched:
        n = 5

        def __call__(self, weights):
            seen.append(weights)
            return weights[:, 0]

    FEW.interval(Watched(), strata=["a", "b", "a", "b", "b"])
    drawn = np.vstack(seen[1:])
    assert (drawn[:, [0, 2]].sum(axis=1) == 2).all()
    assert (drawn[:, [1, 3, 4]].sum(axis=1) == 3).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(5), abs=0.06)


def test_a_single_stratum_is_no_stratum():
    values = np.random.default_rng(0).random(30)
    assert FEW.mean(values, strata=["all"] * 30) == FEW.mean(values)


# --- limits -----------------------------------------------------------------------------------


def test_ten_thousand_draws_of_five_thousand_questions_fit_into_100_megabytes():
    # Blocks are of one size however many there are, so a tenth of the draws shows the peak.
    random = np.random.default_rng(0)
    scores, right = random.random(5000), random.random(5000) < 0.5
    tracemalloc.start()
    try:
        Bootstrap(resamples=1000).auroc(scores, right)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def test_a_figure_that_rarely_exists_has_no_interval():
    # One right answer is missing from (1 - 1/20)^20 = 36 % of the draws.
    with pytest.raises(DataError, match=r"exists in only 1[23]\d\d of 2000 draws"):
        FEW.auroc(range(20), [True] + [False] * 19)


def test_broken_columns_are_errors():
    for broken in ([], [math.nan, 1.0], [[1.0]]):
        with pytest.raises(DataError):
            FEW.mean(broken)
    with pytest.raises(DataError, match="ours has 2 questions and theirs 3"):
        FEW.mean_difference([1, 2], [1, 2, 3])
    with pytest.raises(DataError, match="1 strata for 2 questions"):
        FEW.mean([1, 2], strata=["a"])
    with pytest.raises(DataError, match="both classes"):
        FEW.auroc([1, 2], [True, True])
    with pytest.raises(DataError, match="different length"):
        FEW.auroc([1, 2, 3], [True, False])
    with pytest.raises(DataError, match="different length"):
        ratio_of([1], [1, 2])


@pytest.mark.parametrize("broken", [{"resamples": 0}, {"level": 0.0}, {"level": 1.0}])
def test_a_bootstrap_of_nothing_is_an_error(broken):
    with pytest.raises(SettingsError, match="a bootstrap of"):
        Bootstrap(**broken)
