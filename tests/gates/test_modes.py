"""Which answers a model holds to, by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.gates.modes import modes_of, pruning_statistics, refuses, uniform_p_value

COUNTS = st.lists(st.integers(1, 8), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("counts", "modes"),
    [
        ((34, 33, 33), ()),
        ((96, 2, 2), (0,)),
        ((2, 2, 96), (2,)),
        ((48, 48, 4), (0, 1)),
        ((4, 48, 48), (1, 2)),
        ((50, 50), ()),
        ((100,), (0,)),
        ((), ()),
    ],
)
def test_a_hundred_samples_of_three_options(counts, modes):
    assert modes_of(counts) == modes


def test_what_is_mostly_refused_is_absent():
    assert modes_of((40,), 60) == ()
    assert modes_of((43,), 57) == (0,)


def test_of_a_hundred_samples_fifty_eight_refusals_are_most():
    # P(X > 58) = 0.0443 and P(X > 57) = 0.0666 for X ~ Binomial(100, 1/2).
    assert [refuses(n, 100) for n in (57, 58, 59)] == [False, True, True]


def test_of_five_samples_all_but_one_refused_are_most():
    # P(X > 4) = 1/32 = 0.031 and P(X > 3) = 6/32 = 0.19.
    assert [refuses(n, 5) for n in (3, 4, 5)] == [False, True, True]


def test_the_exact_probability_of_three_draws_of_two_answers():
    # Of 8 sequences 2 are all alike (probability 1/8 each) and 6 are 2 to 1 (3/8 for either order).
    assert uniform_p_value([3]) == pytest.approx(1.0)
    assert uniform_p_value([2, 1]) == pytest.approx(1.0)
    # 4 draws: 4-0 and 0-4 have 1/16, 3-1 and 1-3 have 4/16, 2-2 has 6/16.
    assert uniform_p_value([3, 1]) == pytest.approx(10 / 16)
    assert uniform_p_value([2, 2]) == pytest.approx(1.0)


def test_the_exact_probability_of_three_draws_of_three_answers():
    # 27 sequences: 3 all alike, 18 of two alike, 6 all different; by counts, each of the three
    # vectors (3,0,0) has 1/27, each of the six (2,1,0) has 3/27, and (1,1,1) has 6/27.
    assert uniform_p_value([1, 1, 1]) == pytest.approx(1.0)


def test_the_exact_probability_grows_to_one_as_counts_become_even():
    # (4,1,1) of 6 draws: 6! / (4! 1! 1!) / 3^6 = 30/729 each, of 3 orders; no likelier are
    # (6,0,0): 3 * 1/729, (5,1,0): 6 * 6/729, (4,2,0): 6 * 15/729, (3,3,0): 3 * 20/729.
    expected = (3 * 1 + 6 * 6 + 6 * 15 + 3 * 20 + 3 * 30) / 729
    assert uniform_p_value([4, 1, 1]) == pytest.approx(expected)


@given(COUNTS)
def test_the_exact_probability_is_one_and_whatever_the_order(counts):
    p = uniform_p_value(counts)
    assert 0 < p <= 1
    assert uniform_p_value(counts[::-1]) == pytest.approx(p)


@given(st.integers(1, 12), st.integers(2, 5))
def test_even_counts_are_the_likeliest_of_all(each, answers):
    assert uniform_p_value([each] * answers) == pytest.approx(1.0)


def test_the_statistic_of_a_rare_answer_by_hand():
    # n = 100, m = 3, n_j = 4: p = 0.96 / 2 = 0.48.
    expected = 2 * (100 * math.log(3) + 96 * math.log(0.48) + 4 * math.log(0.04))
    assert pruning_statistics([48, 48, 4])[2] == pytest.approx(expected)
    assert expected == pytest.approx(53.05, abs=0.01)


def test_even_counts_are_no_evidence_but_for_the_released_statistic():
    assert pruning_statistics([30, 30, 30]) == pytest.approx([0.0] * 3, abs=1e-9)
    # 2 [90 log 3 + 60 log 1/3 + 30 log 2/3] = 2 * 30 * log 2 = 41.6.
    released = pruning_statistics([30, 30, 30], released=True)
    assert released == pytest.approx([60 * math.log(2)] * 3)


@given(st.integers(1, 40), st.integers(1, 40))
def test_of_two_answers_both_statistics_are_one(left, right):
    both = [pruning_statistics([left, right], released=released) for released in (False, True)]
    assert both[0] == pytest.approx(both[1])


def test_the_released_statistic_drops_an_answer_that_the_corrected_one_keeps():
    # n_j / n = 0.23, p = 0.385: 2 [100 log 3 + 77 log 0.385 + 23 log 0.23] = 5.12, of which the
    # tail is 0.0236, above 0.05 / 3; with log 0.615 in place of log 0.23 it is 50.4.
    assert pruning_statistics([46, 31, 23])[2] == pytest.approx(5.12, abs=0.01)
    assert pruning_statistics([46, 31, 23], released=True)[2] == pytest.approx(50.37, abs=0.01)
    assert modes_of((46, 31, 23)) == (0, 1, 2)
    assert modes_of((46, 31, 23), released=True) == (0, 1)


def test_few_samples_with_stray_answers_are_in_conflict():
    # Of 20, one answer 17 times and three once: n_j = 1 is not significant at 0.05 / 4.
    assert modes_of((17, 1, 1, 1)) == (0, 1, 2, 3)
    # With two stray ones, p = 0.002 < 0.05 / 3.
    assert modes_of((18, 1, 1)) == (0,)


def test_one_of_two_answers_stays_if_it_is_above_one_half():
    # P(X >= 15) = 0.0207 < 0.025 and P(X >= 14) = 0.0577 for X ~ Binomial(20, 1/2); a uniform
    # outcome is rejected for 15 to 5 (0.041) already, and not for 14 to 6 (0.115).
    assert modes_of((15, 5)) == (0,)
    assert modes_of((14, 6)) == ()
    assert modes_of((5, 15)) == (1,)


@given(COUNTS, st.integers(0, 10))
def test_modes_are_distinct_positions_and_never_rarer_than_what_was_dropped(counts, refusals):
    held = modes_of(counts, refusals)
    assert len(set(held)) == len(held)
    dropped = [n for at, n in enumerate(counts) if at not in held]
    if held and dropped:
        assert max(counts[at] for at in held) >= max(dropped)


@given(COUNTS)
def test_renaming_the_answers_renames_the_modes(counts):
    turned = [len(counts) - 1 - at for at in modes_of(counts[::-1])]
    if len(set(counts)) == len(counts):
        assert sorted(turned) == sorted(modes_of(counts))


def test_the_tests_are_those_of_a_library_of_statistics():
    stats = pytest.importorskip("scipy.stats")
    for counts in ([5, 3, 2], [9, 1, 1], [4, 4, 4, 1]):
        n, m = sum(counts), len(counts)
        seen = stats.multinomial.pmf(counts, n, [1 / m] * m)
        grid = [[]]
        for _ in range(m - 1):
            grid = [[*row, k] for row in grid for k in range(n - sum(row) + 1)]
        outcomes = [[*row, n - sum(row)] for row in grid]
        pmf = stats.multinomial.pmf(outcomes, n, [1 / m] * m)
        assert uniform_p_value(counts) == pytest.approx(pmf[pmf <= seen * (1 + 1e-9)].sum())
    for n in (5, 20, 100):
        least = stats.binom.isf(0.05, n, 0.5)
        assert [refuses(k, n) for k in range(n + 1)] == [k >= least for k in range(n + 1)]
