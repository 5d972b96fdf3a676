"""How much the word of each expert counts, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.experts.fusion.weighing import shares


def test_weights_are_shares_of_what_each_expert_knows():
    # 0.6 and 0.2 of 0.8; squared, 0.36 and 0.04 of 0.40.
    assert shares([0.6, 0.2]) == pytest.approx((0.75, 0.25))
    assert shares([0.6, 0.2], sharpness=2.0) == pytest.approx((0.9, 0.1))


def test_a_sharpness_of_nothing_counts_all_the_same_and_a_great_one_the_best_alone():
    assert shares([0.6, 0.2], sharpness=0.0) == (0.5, 0.5)
    assert shares([0.6, 0.5], sharpness=1e4) == (1.0, 0.0)


def test_where_nobody_knows_anything_all_count_the_same():
    assert shares([0.0, -1.0]) == (0.5, 0.5)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6), st.floats(0.0, 50.0))
def test_weights_sum_to_one_and_keep_the_order(likely, sharpness):
    weights = shares(likely, sharpness=sharpness)
    assert sum(weights) == pytest.approx(1.0)
    for one, a in zip(likely, weights, strict=True):
        for other, b in zip(likely, weights, strict=True):
            assert not one < other or a <= b + 1e-12
