"""Drawing tokens: by hand, by frequency, and whatever the scores are."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import SettingsError
from rag_router.models.sampling import Sampling, sample

P = [0.5, 0.3, 0.15, 0.05]
SCORES = st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=12)
TEMPERATURES = st.floats(1e-3, 1e3)
TOP_P = st.floats(1e-6, 1.0)
MIN_P = st.floats(0.0, 1.0, exclude_max=True)


def scores_of(*p):
    return torch.tensor(p).log()


def drawn(scores, n=1, **options):
    """What `n` rows of these scores draw at their first step."""
    samplings = [Sampling(**options).keyed("row", number) for number in range(n)]
    return sample(scores.expand(n, -1), samplings, [0] * n).tolist()


def chi_square(counts, p):
    n = sum(counts)
    return sum((k - n * q) ** 2 / (n * q) for k, q in zip(counts, p, strict=True))


def test_a_draw_takes_the_first_token_whose_cumulative_probability_passes_it():
    reached = [0.5, 0.8, 0.95, 1.0]
    for number in range(200):
        sampling = Sampling(seed=3).keyed("row", number)
        u = sampling.draw(7)
        expected = next(token for token, upto in enumerate(reached) if upto > u)
        assert sample(scores_of(*P)[None], [sampling], [7]).tolist() == [expected]


def test_draws_lie_between_zero_and_one_and_are_spread_evenly():
    draws = [Sampling().keyed("row", number).draw(step) for number in range(100) for step in (0, 1)]
    assert all(0 <= u < 1 for u in draws)
    # Ten bins of 20 expected draws; 27.9 is the 99.9 % point of chi-square with 9 degrees.
    counts = [sum(int(u * 10) == bin_ for u in draws) for bin_ in range(10)]
    assert chi_square(counts, [0.1] * 10) < 27.9


def test_draws_differ_by_seed_key_and_step_and_by_nothing_else():
    one = Sampling(seed=1).keyed("who wrote hamlet", 0)
    assert one.draw(0) == Sampling(seed=1, temperature=9.0).keyed("who wrote hamlet", 0).draw(0)
    others = [
        one.draw(1),
        Sampling(seed=2).keyed("who wrote hamlet", 0).draw(0),
        Sampling(seed=1).keyed("who wrote hamlet", 1).draw(0),
        Sampling(seed=1).keyed("who wrote Hamlet", 0).draw(0),
    ]
    assert len({one.draw(0), *others}) == 5


def test_parts_of_a_key_do_not_run_into_each_other():
    assert Sampling().keyed("a", "bc").draw(0) != Sampling().keyed("ab", "c").draw(0)


def test_a_key_of_any_text_can_be_drawn_by():
    assert 0 <= Sampling(key="\ud800 東京 \x00").draw(0) < 1


def test_frequencies_are_the_probabilities():
    found = drawn(scores_of(*P), 4000)
    counts = [found.count(token) for token in range(4)]
    # 16.3 is the 99.9 % point of chi-square with 3 degrees of freedom.
    assert chi_square(counts, P) < 16.3


def test_a_temperature_of_one_half_squares_the_odds():
    found = drawn(scores_of(0.8, 0.2), 4000, temperature=0.5)
    # 0.8^2 / (0.8^2 + 0.2^2) = 0.64 / 0.68; 10.8 is the 99.9 % point with 1 degree of freedom.
    assert chi_square([found.count(0), found.count(1)], [0.64 / 0.68, 0.04 / 0.68]) < 10.8


def test_the_nucleus_is_the_fewest_likeliest_tokens_that_reach_it():
    # 0.5 + 0.3 = 0.8 reaches 0.7 and 0.5 does not.
    found = drawn(scores_of(0.05, 0.3, 0.15, 0.5), 1000, top_p=0.7)
    assert set(found) == {1, 3}
    assert chi_square([found.count(3), found.count(1)], [0.5 / 0.8, 0.3 / 0.8]) < 10.8
    assert set(drawn(scores_of(0.05, 0.3, 0.15, 0.5), 1000, top_p=0.81)) == {1, 2, 3}


def test_tokens_less_likely_than_a_share_of_the_likeliest_are_cut():
    # A quarter of 0.5 is 0.125: 0.15 stays and 0.05 goes.
    assert set(drawn(scores_of(*P), 1000, min_p=0.25)) == {0, 1, 2}


def test_a_token_stays_if_it_passes_both_cuts():
    # The nucleus of 0.9 holds the first three, min_p of 0.5 those of at least 0.25.
    assert set(drawn(scores_of(*P), 1000, top_p=0.9, min_p=0.5)) == {0, 1}


def test_cuts_are_made_after_the_temperature():
    # At a temperature of 0.5 the probabilities go as the squares: 0.25 0.09 0.0225 0.0025 of 0.365.
    assert set(drawn(scores_of(*P), 1000, temperature=0.5, top_p=0.65)) == {0}
    # 0.25 / 0.365 = 0.68 does not reach 0.7.
    assert set(drawn(scores_of(*P), 1000, temperature=0.5, top_p=0.7)) == {0, 1}


@given(SCORES, TEMPERATURES, st.integers(0, 50))
def test_cuts_that_cut_nothing_change_nothing(scores, temperature, number):
    row = torch.tensor(scores)[None]
    plain = Sampling(temperature=temperature).keyed(number)
    full = Sampling(temperature=temperature, top_p=1.0, min_p=0.0).keyed(number)
    # In company of a row that cuts, the cuts are worked out for both.
    cutting = Sampling(top_p=0.5, min_p=0.5)
    both = sample(row.expand(2, -1), [full, cutting], [0, 0])
    assert both[0] == sample(row, [plain], [0])[0]


@given(SCORES, TEMPERATURES, TOP_P, MIN_P, st.integers(0, 20))
def test_no_cut_leaves_nothing_and_the_likeliest_token_always_stays(
    scores, temperature, top_p, min_p, number
):
    row = torch.tensor(scores)[None]
    sampling = Sampling(temperature=temperature, top_p=top_p, min_p=min_p).keyed(number)
    assert 0 <= int(sample(row, [sampling], [0])) < len(scores)
    tightest = Sampling(temperature=temperature, top_p=1e-300, min_p=math.nextafter(1, 0))
    assert row[0, sample(row, [tightest.keyed(number)], [0])] == row.max()


@given(SCORES, TEMPERATURES, st.integers(0, 20))
def test_what_cannot_be_is_never_drawn(scores, temperature, number):
    row = torch.tensor([-math.inf, *scores, -math.inf])[None]
    token = int(sample(row, [Sampling(temperature=temperature).keyed(number)], [0]))
    assert 1 <= token <= len(scores)


def test_a_vanishing_temperature_takes_the_likeliest():
    scores = torch.tensor([1.0, 1.0 + 1e-5, -3.0])
    assert drawn(scores, 20, temperature=1e-300) == [1] * 20


def test_a_row_draws_the_same_alone_and_in_company():
    scores = torch.randn(6, 50, generator=torch.Generator().manual_seed(0))
    samplings = [
        Sampling(temperature=0.5 + row, top_p=1 - row / 10, min_p=row / 100).keyed("q", row)
        for row in range(6)
    ]
    together = sample(scores, samplings, list(range(6)))
    alone = [int(sample(scores[[r]], [samplings[r]], [r])) for r in range(6)]
    backwards = sample(scores.flip(0), samplings[::-1], list(range(6))[::-1])
    assert together.tolist() == alone == backwards.tolist()[::-1]


def test_the_last_of_a_quarter_of_a_million_rare_tokens_can_be_drawn():
    # 262,143 tokens of 2^-19 each make one half less 2^-19; single floats would lose some.
    scores = torch.zeros(262_144)
    scores[-1] = math.log(262_144)
    found = drawn(scores, 40)
    # 40 draws of one half, give or take four standard deviations.
    assert abs(found.count(262_143) - 20) < 4 * math.sqrt(40) / 2
    assert len(set(found)) == 40 - found.count(262_143) + 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature must be above 0; saw 0.0"),
        ({"temperature": -1.0}, "temperature must be above 0; saw -1.0"),
        ({"temperature": math.inf}, "temperature must be above 0"),
        ({"temperature": math.nan}, "temperature must be above 0"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1; saw 0.0"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1"),
        ({"min_p": 1.0}, "min_p must be at least 0 and below 1; saw 1.0"),
        ({"min_p": -0.1}, "min_p must be at least 0 and below 1"),
    ],
)
def test_a_value_out_of_its_range_is_an_error_that_says_which(options, message):
    with pytest.raises(SettingsError, match=message):
        Sampling(**options)
