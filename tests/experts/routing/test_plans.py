"""Which expert for which category under a budget: two exact ways, and cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_router.errors import SettingsError
from rag_router.experts.routing.plans import Task, plan, plan_by_enumeration, plan_by_program

# Three experts of 1, 3 and 8 billion parameters, over two categories of which one is twice as
# frequent as the other.
SMALL, MIDDLE, LARGE = range(3)
SHARES = np.array([2 / 3, 1 / 3])
ACCURACY = np.array([[0.5, 0.6, 0.9], [0.1, 0.8, 0.7]])


def task(**more):
    given = {
        "shares": SHARES,
        "accuracy": ACCURACY,
        "sizes": np.array([1.0, 3.0, 8.0]),
        "prices": np.array([1.0, 2.0, 10.0]),
    }
    return Task(**{**given, **more})


WAYS = pytest.mark.parametrize("way", [plan, plan_by_enumeration, plan_by_program])


@WAYS
def test_without_a_budget_each_category_takes_its_best_expert(way):
    found = way(task())
    assert found.experts == (LARGE, MIDDLE)
    assert found.accuracy == pytest.approx(2 / 3 * 0.9 + 1 / 3 * 0.8)


@WAYS
def test_the_smallest_memory_has_room_for_the_smallest_expert_alone(way):
    assert way(task(memory=1.0)).experts == (SMALL, SMALL)


@WAYS
def test_what_shares_the_memory_is_chosen_together(way):
    # 1 + 3 fit into 5: 2/3 * 0.6 + 1/3 * 0.8 = 0.667 by the middle one, the small one is no use.
    assert way(task(memory=5.0)).experts == (MIDDLE, MIDDLE)
    # 8 + 1 fit into 9 and 8 + 3 do not: 2/3 * 0.9 + 1/3 * 0.7 = 0.833 by the large one alone.
    assert way(task(memory=9.0)).experts == (LARGE, LARGE)


@WAYS
def test_spending_is_a_mean_over_questions(way):
    # The large one for the rare category would cost 2/3 * 2 + 1/3 * 10 = 4.67 and the middle one
    # everywhere 2; the large one for the frequent category 2/3 * 10 + 1/3 * 2 = 7.33.
    assert way(task(spending=7.4)).experts == (LARGE, MIDDLE)
    assert way(task(spending=7.3)).experts == (MIDDLE, MIDDLE)
    assert way(task(spending=1.4)).experts == (SMALL, MIDDLE)


@WAYS
def test_what_nobody_fits_into_is_told(way):
    with pytest.raises(
        SettingsError, match=r"no expert fits into the budgets: memory 0\.5"
    ) as told:
        way(task(memory=0.5))
    assert "The smallest expert takes 1" in told.value.hint


TASKS = st.builds(
    lambda seed, categories, experts, memory, spending: _drawn(
        seed, categories, experts, memory, spending
    ),
    st.integers(0, 10_000),
    st.integers(1, 4),
    st.integers(1, 4),
    st.none() | st.floats(1.0, 12.0),
    st.none() | st.floats(1.0, 12.0),
)


def _drawn(seed, categories, experts, memory, spending):
    draw = np.random.default_rng(seed)
    shares = draw.uniform(0.1, 1, size=categories)
    sizes = draw.uniform(1, 5, size=experts)
    prices = draw.uniform(1, 5, size=experts)
    return Task(
        shares=shares / shares.sum(),
        accuracy=draw.uniform(size=(categories, experts)),
        sizes=sizes,
        prices=prices,
        # At least the first expert can be paid.
        memory=None if memory is None else max(memory, float(sizes[0])),
        spending=None if spending is None else max(spending, float(prices.min(initial=9)) + 4),
    )


@settings(max_examples=40, deadline=None)
@given(TASKS)
def test_both_ways_find_plans_of_the_same_worth(drawn):
    assert plan_by_enumeration(drawn).accuracy == pytest.approx(
        plan_by_program(drawn).accuracy, abs=1e-6
    )


def test_a_larger_budget_never_brings_less():
    memories = [1.0, 3.0, 4.0, 8.0, 9.0, 11.0, 12.0]
    worth = [plan(task(memory=memory)).accuracy for memory in memories]
    assert worth == sorted(worth)
