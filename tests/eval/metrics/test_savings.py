from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import DataError
from rag_router.eval.metrics.savings import retrieval_curve, retrievals_saved

ROWS = st.lists(
    st.tuples(st.integers(0, 5).map(lambda x: x / 5), st.booleans(), st.booleans()),
    min_size=1,
    max_size=30,
)


def columns(rows):
    return tuple(zip(*rows, strict=True))


def test_the_curve_by_hand():
    # From the least known: 0.1 (wrong -> right), two of 0.5 (both right -> wrong, right),
    # 0.9 (right -> right).
    p, without, with_passages = [0.5, 0.9, 0.1, 0.5], [1, 1, 0, 1], [0, 1, 1, 1]
    curve = retrieval_curve(p, without, with_passages)
    assert curve.thresholds.tolist() == [0.1, 0.5, 0.9, math.inf]
    assert curve.shares.tolist() == [0, 1 / 4, 3 / 4, 4 / 4]
    assert curve.accuracies.tolist() == [3 / 4, 4 / 4, 3 / 4, 3 / 4]
    steps = 1 / 4 * (3 / 4 + 4 / 4) / 2 + 2 / 4 * (4 / 4 + 3 / 4) / 2 + 1 / 4 * 3 / 4
    assert curve.area == pytest.approx(steps)
    # Never looking up is as good as always (3/4), so everything is saved.
    assert retrievals_saved(curve) == 1.0
    assert curve.at(1 / 2) == pytest.approx((4 / 4 + 3 / 4) / 2)


def test_retrievals_saved_by_hand():
    # Always: 3 of 4. The gate reaches that once the two least known are looked up.
    curve = retrieval_curve([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 0], [1, 1, 1, 0])
    assert curve.accuracies.tolist() == [1 / 4, 2 / 4, 3 / 4, 3 / 4, 3 / 4]
    assert retrievals_saved(curve) == pytest.approx(1 - 2 / 4)
    assert retrievals_saved(curve, tolerance=1 / 4) == pytest.approx(1 - 1 / 4)
    assert retrievals_saved(curve, tolerance=1.0) == 1.0


def test_policies_between_thresholds_save_nothing():
    # Everybody is equally known: only never and always exist.
    curve = retrieval_curve([0.5] * 4, [0, 0, 1, 1], [1, 1, 1, 1])
    assert retrievals_saved(curve, tolerance=0.4) == 0.0


@given(ROWS)
def test_the_ends_are_never_and_always(rows):
    p, without, with_passages = columns(rows)
    curve = retrieval_curve(p, without, with_passages)
    assert (curve.shares[0], curve.shares[-1]) == (0, 1)
    assert curve.accuracies[0] == pytest.approx(np.mean(without))
    assert curve.accuracies[-1] == pytest.approx(np.mean(with_passages))
    assert 0 <= curve.area <= 1
    assert 0 <= retrievals_saved(curve) <= 1


@given(ROWS)
def test_every_point_is_the_policy_of_its_threshold(rows):
    p, without, with_passages = map(np.array, columns(rows))
    curve = retrieval_curve(p, without, with_passages)
    for threshold, share, accuracy in zip(
        curve.thresholds, curve.shares, curve.accuracies, strict=True
    ):
        looked_up = p < threshold
        assert share == pytest.approx(looked_up.mean())
        assert accuracy == pytest.approx(np.where(looked_up, with_passages, without).mean())


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_questions_does_not_matter(rows, random):
    one = retrieval_curve(*columns(rows))
    other = retrieval_curve(*columns(random.sample(rows, len(rows))))
    assert one.shares.tolist() == other.shares.tolist()
    assert one.accuracies == pytest.approx(other.accuracies)


@given(ROWS)
def test_no_gate_has_more_area_than_one_that_knows_what_helps(rows):
    p, without, with_passages = columns(rows)
    gain = np.subtract(with_passages, without, dtype=float)
    oracle = retrieval_curve(-gain, without, with_passages)
    assert oracle.area >= retrieval_curve(p, without, with_passages).area - 1e-12


@pytest.mark.parametrize("tolerance", [-0.1, math.nan])
def test_a_tolerance_is_not_negative(tolerance):
    with pytest.raises(DataError, match="tolerance"):
        retrievals_saved(retrieval_curve([0.5], [1], [1]), tolerance=tolerance)


def test_broken_columns_are_errors():
    with pytest.raises(DataError, match="1 scores, 2 kept, 1 handed"):
        retrieval_curve([0.5], [1, 1], [1])
    with pytest.raises(DataError, match="NaN"):
        retrieval_curve([math.nan], [1], [1])
    with pytest.raises(DataError, match="outside 0 to 1"):
        retrieval_curve([0.5], [1], [2])
    with pytest.raises(DataError, match="there are no"):
        retrieval_curve([], [], [])
