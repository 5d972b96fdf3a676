"""Temperature, isotonic, and the choice among curves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.calibration import (
    Isotonic,
    Platt,
    Temperature,
    arrays_of,
    choose_calibrator,
    even_folds,
    restored,
)
from rag_router.errors import DataError

SCORES = st.lists(st.floats(-20, 20), min_size=4, max_size=40)


def test_a_temperature_of_two_halves_the_log_odds():
    assert Temperature(2.0)([math.log(9)])[0] == pytest.approx(3 / (3 + 1))


def test_the_temperature_brings_overconfident_scores_back():
    random = np.random.default_rng(0)
    z = random.normal(0, 2, 20_000)
    right = random.random(20_000) < 1 / (1 + np.exp(-z))
    # Three times too sure: the temperature is three.
    assert Temperature.fit(3 * z, right).value == pytest.approx(3.0, abs=0.15)


def test_isotonic_pools_what_goes_the_wrong_way():
    # Scores 1, 2, 3, 4 with outcomes 0, 1, 0, 1: the middle two violate the order and pool to
    # 1/2; the ends are kept 1 / (4 + 2) away from 0 and 1.
    curve = Isotonic.fit([1, 2, 3, 4], [False, True, False, True])
    assert curve.scores == (1, 2, 3, 4)
    assert curve.probabilities == pytest.approx((1 / 6, 1 / 2, 1 / 2, 5 / 6))
    assert curve([0, 1.5, 9]).tolist() == pytest.approx([1 / 6, (1 / 6 + 1 / 2) / 2, 5 / 6])


def test_isotonic_is_what_scikit_learn_fits():
    sklearn = pytest.importorskip("sklearn.isotonic")
    random = np.random.default_rng(1)
    x = random.normal(size=300).round(1)
    y = random.random(300) < 1 / (1 + np.exp(-2 * x))
    theirs = sklearn.IsotonicRegression(y_min=1 / 302, y_max=1 - 1 / 302).fit(x, y)
    assert Isotonic.fit(x, y)(x) == pytest.approx(theirs.predict(x), abs=1e-9)


@given(SCORES, st.data())
def test_every_curve_keeps_the_order_and_stays_within_zero_and_one(scores, data):
    labels = data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    if not 0 < sum(labels) < len(labels):
        return
    for kind in (Temperature, Isotonic):
        p = kind.fit(scores, labels)(np.sort(scores))
        assert ((p > 0) & (p < 1)).all()
        assert (np.diff(p) >= -1e-12).all()


def test_the_best_curve_is_chosen_and_survives_its_arrays():
    random = np.random.default_rng(2)
    z = random.normal(0, 2, 3000)
    steps = np.where(z < 0, 0.1, 0.4)  # a step, which only isotonic regression can follow
    curve, briers = choose_calibrator(z, random.random(3000) < steps)
    assert isinstance(curve, Isotonic)
    assert set(briers) == {"temperature", "platt", "isotonic"}
    for one in (curve, Temperature(1.5), Platt((0.5,), -1.0)):
        again = restored(arrays_of(one))
        assert again(z).tolist() == one(z).tolist()
    assert restored({"curve": np.zeros(2)}) is None


def test_scores_that_are_log_odds_need_no_more_than_a_stiff_curve():
    random = np.random.default_rng(3)
    z = random.normal(0, 2, 400)
    curve, _ = choose_calibrator(z, random.random(400) < 1 / (1 + np.exp(-z)))
    assert isinstance(curve, (Temperature, Platt))


def test_folds_hold_as_many_of_either_class_as_can_be():
    labels = [True] * 7 + [False] * 23
    fold = even_folds(labels, 5, 0)
    for number in range(5):
        members = np.asarray(labels)[fold == number]
        assert members.sum() in (1, 2)
        assert (~members).sum() in (4, 5)


@pytest.mark.parametrize("fit", [Temperature.fit, Isotonic.fit])
def test_bad_scores_are_told(fit):
    with pytest.raises(DataError, match="both classes"):
        fit([1.0, 2.0], [True, True])
    with pytest.raises(DataError, match="NaN"):
        fit([1.0, math.nan], [True, False])
    with pytest.raises(DataError, match="both classes"):
        even_folds([True, True, True], 5, 0)
