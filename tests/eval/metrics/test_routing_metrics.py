from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rag_router.errors import DataError
from rag_router.eval.metrics.arena_score import arena_score
from rag_router.eval.metrics.routing import (
    Point,
    aiq,
    best_single,
    hull,
    hull_accuracy,
    oracle_choices,
    outcome_of,
    regret,
    routing_figures,
    single_models,
    zero_router,
)

# Three questions, models "cheap", "middling" and "dear".
RIGHT = [[1, 1, 1], [0, 1, 1], [0, 0, 0]]
COST = [[1, 2, 9], [1, 2, 9], [3, 2, 9]]

TENTHS = st.integers(0, 10).map(lambda x: x / 10)
POINTS = st.lists(st.builds(Point, TENTHS, TENTHS), min_size=1, max_size=8)


@st.composite
def matrices(draw):
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 4)))
    right = draw(arrays(float, shape, elements=st.sampled_from([0.0, 0.5, 1.0])))
    cost = draw(arrays(float, shape, elements=st.integers(0, 5).map(float)))
    choices = draw(arrays(int, shape[0], elements=st.integers(0, shape[1] - 1)))
    return choices, right, cost


# --- policies ---------------------------------------------------------------------------------


def test_a_policy_by_hand():
    assert outcome_of([0, 2, 1], RIGHT, COST) == Point((1 + 9 + 2) / 3, (1 + 1 + 0) / 3)
    assert routing_figures([0, 0, 0], RIGHT, COST) == {
        "accuracy": 1 / 3,
        "cost": (1 + 1 + 3) / 3,
        # The oracle is right on two of three.
        "regret": pytest.approx(2 / 3 - 1 / 3),
    }


def test_the_oracle_takes_the_cheapest_right_model_or_else_the_cheapest():
    assert oracle_choices(RIGHT, COST).tolist() == [0, 1, 1]
    assert oracle_choices([[0.5, 0.9]], [[1, 5]]).tolist() == [1]
    assert oracle_choices([[1, 1]], [[2, 2]]).tolist() == [0]


def test_the_best_single_model_is_the_cheapest_of_the_most_accurate():
    # Middling and dear are both right on two of three.
    assert best_single(RIGHT, COST) == 1
    assert single_models(RIGHT, COST) == (Point(5 / 3, 1 / 3), Point(2, 2 / 3), Point(9, 2 / 3))


@given(matrices())
def test_the_oracle_is_never_below_any_policy_and_never_dearer_at_its_accuracy(case):
    _, right, cost = case
    best, any_policy = outcome_of(oracle_choices(right, cost), right, cost), outcome_of(*case)
    assert best.accuracy >= any_policy.accuracy - 1e-12
    assert regret(*case) == pytest.approx(best.accuracy - any_policy.accuracy)
    assert regret(oracle_choices(right, cost), right, cost) == 0
    if any_policy.accuracy == pytest.approx(best.accuracy):
        assert best.cost <= any_policy.cost + 1e-12


@given(matrices(), st.randoms(use_true_random=False))
def test_the_order_of_the_questions_does_not_matter(case, random):
    choices, right, cost = case
    order = random.sample(range(len(choices)), len(choices))
    mixed = choices[order], right[order], cost[order]
    assert routing_figures(*mixed) == pytest.approx(routing_figures(*case))
    assert oracle_choices(right[order], cost[order]).tolist() == (
        oracle_choices(right, cost)[order].tolist()
    )
    spread = {"lowest": 0.0, "highest": 5.0}
    one, other = (zero_router(r, c) for r, c in ((right, cost), mixed[1:]))
    assert aiq(one, **spread) == pytest.approx(aiq(other, **spread))


# --- hull and AIQ -----------------------------------------------------------------------------


def test_the_hull_by_hand():
    # (2, 0.4) lies below the line from (1, 0.2) to (3, 0.8), which is 0.5 there; (4, 0.7) costs
    # more and brings less; (1, 0.1) costs as much as (1, 0.2).
    points = [Point(4, 0.7), Point(1, 0.2), Point(2, 0.4), Point(3, 0.8), Point(1, 0.1)]
    assert hull(points) == (Point(1, 0.2), Point(3, 0.8))
    assert hull_accuracy(points, 2) == pytest.approx(0.5)
    assert hull_accuracy(points, 100) == 0.8
    assert hull_accuracy(points, 0.99) == 0.0


def test_aiq_by_hand():
    # From cost 1 to 4: a slope from 0.2 to 0.8 over two, then 0.8 flat over one.
    points = [Point(1, 0.2), Point(3, 0.8), Point(4, 0.7)]
    assert aiq(points) == pytest.approx((2 * (0.2 + 0.8) / 2 + 1 * 0.8) / 3)
    # From 0 to 2: nothing can be bought below 1, then a slope from 0.2 to 0.5.
    assert aiq(points, lowest=0, highest=2) == pytest.approx((0 + 1 * (0.2 + 0.5) / 2) / 2)
    assert aiq(points, lowest=0, highest=1) == 0.0
    assert aiq([Point(2, 0.6)]) == 0.6
    assert aiq(points, lowest=2, highest=2) == pytest.approx(0.5)


def test_the_zero_router_mixes_single_models():
    assert zero_router(RIGHT, COST) == (Point(5 / 3, 1 / 3), Point(2, 2 / 3))


@given(POINTS)
def test_a_hull_rises_ever_less_and_lies_below_no_point(points):
    corners = hull(points)
    costs, heights = [p.cost for p in corners], [p.accuracy for p in corners]
    slopes = np.diff(heights) / np.diff(costs)
    assert (slopes > 0).all()
    assert (np.diff(slopes) < 1e-9).all()
    assert all(hull_accuracy(points, p.cost) >= p.accuracy - 1e-12 for p in points)
    assert set(corners) <= set(points)
    assert hull(corners) == corners


@given(POINTS, st.data())
def test_no_subset_of_points_has_more_aiq_than_the_hull_of_all(points, data):
    some = data.draw(st.lists(st.sampled_from(points), min_size=1))
    spread = {"lowest": 0.0, "highest": 1.0}
    assert aiq(hull(points), **spread) >= aiq(some, **spread) - 1e-12
    assert aiq(hull(points), **spread) == pytest.approx(aiq(points, **spread))
    assert 0 <= aiq(points) <= 1 + 1e-12


@given(POINTS)
def test_aiq_is_the_mean_height(points):
    places = np.linspace(0, 1, 2001)
    mean = np.mean([hull_accuracy(points, place) for place in places[:-1] + 1 / 4000])
    assert aiq(points, lowest=0.0, highest=1.0) == pytest.approx(mean, abs=1e-3)


# --- RouterArena ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accuracy", "dollars", "score"),
    # Two rows of the public leaderboard, whose figures are rounded.
    [(0.681, 0.54, 0.6666), (0.669, 0.15, 0.6689)],
)
def test_the_arena_score_is_that_of_the_leaderboard(accuracy, dollars, score):
    assert arena_score(accuracy, dollars) == pytest.approx(score, abs=5e-4)


def test_the_arena_score_by_hand():
    # As cheap as can be: C = 1, so 1.1 * 0.5 / (0.1 * 0.5 + 1).
    assert arena_score(0.5, 0.0044) == pytest.approx(1.1 * 0.5 / (0.1 * 0.5 + 1))
    assert arena_score(0.5, 0.0001) == arena_score(0.5, 0.0044)
    # Half way between, on a scale of logarithms: C = 1/2.
    assert arena_score(0.5, math.sqrt(200 * 0.0044)) == pytest.approx(1.1 * 0.25 / (0.05 + 0.5))
    assert arena_score(1.0, 200) == arena_score(1.0, 1000) == arena_score(0.0, 1) == 0.0
    assert arena_score(1.0, 0.0044) == pytest.approx(1.0)


@pytest.mark.parametrize(("accuracy", "dollars"), [(1.1, 1), (math.nan, 1), (0.5, 0), (0.5, -1)])
def test_an_arena_score_of_nonsense_is_an_error(accuracy, dollars):
    with pytest.raises(DataError):
        arena_score(accuracy, dollars)


# --- broken input -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "right", "cost", "said"),
    [
        ([0], [[math.nan]], [[1]], "outcomes: 1 of 1 are NaN"),
        ([0], [[2]], [[1]], "outside 0 to 1"),
        ([0], [[1]], [[math.inf]], "costs: 1 of 1 are NaN or infinite"),
        ([0], [[1]], [[-1]], "below 0"),
        ([0], [[1, 1]], [[1]], r"shape \(1, 2\) and costs \(1, 1\)"),
        ([0], [1], [1], "expected 2 dimension"),
        ([0], [], [], "there are no outcomes"),
        ([0, 0], [[1]], [[1]], "different length"),
        ([1], [[1]], [[1]], "choices go from 1 to 1"),
        ([-1], [[1]], [[1]], "choices go from -1"),
        ([0.5], [[1]], [[1]], "whole numbers"),
        ([True], [[1]], [[1]], "whole numbers"),
    ],
)
def test_broken_matrices_are_errors(choices, right, cost, said):
    with pytest.raises(DataError, match=said):
        outcome_of(choices, right, cost)


def test_broken_points_are_errors():
    with pytest.raises(DataError, match="no points"):
        hull([])
    with pytest.raises(DataError, match="no points"):
        aiq([])
    with pytest.raises(DataError, match="NaN"):
        hull([Point(math.nan, 1)])
    with pytest.raises(DataError, match="no range"):
        aiq([Point(1, 1)], lowest=2, highest=1)
