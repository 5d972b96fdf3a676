"""Expected costs and accuracies, worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.costs import (
    Cost,
    Kind,
    Stages,
    best_threshold,
    break_even_rate,
    expectation,
    expected_cost,
    expected_saving,
    kinds_of,
    read_mix,
)
from rag_router.errors import DataError, SettingsError

STAGES = Stages(
    gate=Cost(ms=10, passes=1),
    answer=Cost(ms=100, passes=8, prompt_tokens=200, completion_tokens=8),
    retrieve=Cost(ms=30),
    context=Cost(ms=70, passes=1, prompt_tokens=800),
)


def test_costs_add_up_and_have_a_price():
    both = STAGES.answer + STAGES.context
    assert both == Cost(ms=170, passes=9, prompt_tokens=1000, completion_tokens=8)
    # 1,000 tokens at 2 and 8 tokens at 5 a million.
    assert both.price(2.0, 5.0) == pytest.approx((1000 * 2 + 8 * 5) / 1e6)
    assert both - STAGES.context == STAGES.answer


def test_expected_cost_is_gate_and_answer_and_a_share_of_the_lookup():
    # 10 + 100 + 0.4 (30 + 70)
    assert expected_cost(STAGES, 0.4).ms == pytest.approx(150)
    # 1 + 8 + 0.4 * 1
    assert expected_cost(STAGES, 0.4).passes == pytest.approx(9.4)
    assert expected_cost(STAGES, 0.0, gated=False).ms == 100
    assert expected_cost(STAGES, 1.0, gated=False).ms == 200
    # Two of eight experts compute: 10 + 100 / 4 + 0.4 * 100
    assert expected_cost(STAGES, 0.4, active=2 / 8).ms == pytest.approx(75)


def test_a_gate_saves_what_is_not_looked_up_less_itself():
    # (1 - 0.4) 100 - 10
    assert expected_saving(STAGES, 0.4).ms == pytest.approx(50)
    assert break_even_rate(STAGES) == pytest.approx(0.9)
    assert expected_saving(STAGES, 0.9).ms == pytest.approx(0)


@given(st.floats(0, 1), st.floats(0.1, 500), st.floats(1, 500))
def test_a_gate_saves_exactly_below_the_break_even_rate(rate, gate, lookup):
    stages = Stages(gate=Cost(ms=gate), answer=Cost(), retrieve=Cost(ms=lookup), context=Cost())
    even = break_even_rate(stages)
    saving = expected_saving(stages, rate).ms
    whole = expected_cost(stages, 1.0, gated=False).ms - expected_cost(stages, rate).ms
    assert saving == pytest.approx(whole, abs=1e-6)
    if abs(saving) > 1e-6:
        assert (saving > 0) == (even is not None and rate < even)


def test_no_gate_pays_where_it_costs_more_than_looking_up():
    dear = Stages(gate=Cost(ms=100), answer=Cost(), retrieve=Cost(ms=40), context=Cost(ms=60))
    assert break_even_rate(dear) is None
    assert (
        break_even_rate(Stages(**dict.fromkeys(("gate", "answer", "retrieve", "context"), Cost())))
        is None
    )


def test_questions_fall_into_what_was_known_and_what_was_not():
    # 4 known: 1 of them is looked up and spoiled; 4 unknown: 3 looked up, 2 of these brought
    # right, and retrieval would have brought the fourth too.
    kinds = kinds_of(
        never=[1, 1, 1, 1, 0, 0, 0, 0],
        always=[0, 1, 1, 1, 1, 1, 0, 1],
        retrieved=[1, 0, 0, 0, 1, 1, 1, 0],
    )
    assert kinds["known"] == Kind(never=1.0, always=0.75, rate=0.25, gated=0.75)
    assert kinds["unknown"] == Kind(never=0.0, always=0.75, rate=0.75, gated=0.5)
    half = expectation(kinds, {"known": 0.5, "unknown": 0.5})
    # (0.75 + 0.5) / 2, and (0.25 + 0.75) / 2 looked up
    assert (half.never, half.always, half.gated, half.rate) == (0.5, 0.75, 0.625, 0.5)
    # 0.9 * 0.75 + 0.1 * 0.5
    assert expectation(kinds, {"known": 0.9, "unknown": 0.1}).gated == pytest.approx(0.725)


def test_a_mix_of_what_was_never_measured_is_refused():
    kinds = kinds_of([0, 0], [1, 0], [1, 1])
    assert list(kinds) == ["unknown"]
    assert expectation(kinds, {"known": 0.0, "unknown": 1.0}).always == 0.5
    with pytest.raises(DataError, match="nothing was measured on known questions"):
        expectation(kinds, {"known": 0.5, "unknown": 0.5})
    with pytest.raises(DataError, match="2, 1 and 2 outcomes"):
        kinds_of([0, 1], [1], [0, 1])
    with pytest.raises(DataError, match="0, 0 and 0"):
        kinds_of([], [], [])


def test_a_mix_is_read():
    assert read_mix("known=0.3, unknown=0.7") == {"known": 0.3, "unknown": 0.7}
    assert read_mix("unknown=1") == {"unknown": 1.0}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("known", "'known' is no share"),
        ("known=much", "'known=much' is no share"),
        ("known=-1,unknown=2", "'known=-1' is no share"),
        ("=1", "'=1' is no share"),
        ("known=0.5,known=0.5", "'known=0.5' is no share"),
        ("known=0.3,unknown=0.6", "sum to 0.9"),
    ],
)
def test_what_is_no_mix_says_so(text, said):
    with pytest.raises(SettingsError, match=said):
        read_mix(text)


def test_the_best_threshold_looks_up_where_it_is_worth_it():
    p_know, never, always = [0.1, 0.4, 0.6, 0.9], [0, 0, 1, 1], [1, 0, 1, 0]
    # Looking up the first alone: 3 of 4 right, a quarter looked up: 0.75 - 0.25 * 1 / 10.
    best = best_threshold(p_know, never, always, lookup=1.0, worth=10.0)
    assert (best.threshold, best.accuracy, best.rate) == (0.4, 0.75, 0.25)
    assert best.value == pytest.approx(0.725)
    # A right answer that is worth less than a lookup is left to luck: 2 of 4, nothing looked up.
    best = best_threshold(p_know, never, always, lookup=1.0, worth=0.5)
    assert (best.accuracy, best.rate, best.value) == (0.5, 0.0, 0.5)
    # Where looking up costs nothing and always helps, all is looked up.
    best = best_threshold([0.2, 0.3], [0, 0], [1, 1], lookup=0.0, worth=1.0)
    assert (best.threshold, best.accuracy, best.rate) == (1.0, 1.0, 1.0)


def test_what_is_out_of_range_is_refused():
    with pytest.raises(SettingsError, match=r"rate 1\.5"):
        expected_cost(STAGES, 1.5)
    with pytest.raises(SettingsError, match="worth 0"):
        best_threshold([0.5], [0], [1], lookup=1.0, worth=0.0)
