from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rag_router.models.distributions import compared, divergence, entropy, margin

NEVER = -math.inf
ROWS = st.lists(st.floats(-30, 30), min_size=5, max_size=5)


@pytest.mark.parametrize("n", [1, 2, 10, 1000])
def test_the_entropy_of_n_equal_chances_is_ln_n(n):
    assert entropy(torch.zeros(1, n)).item() == pytest.approx(math.log(n), abs=1e-5)


def test_the_entropy_of_certainty_is_zero_and_never_nan():
    certain = torch.tensor([[0.0, NEVER, NEVER], [1000.0, -1000.0, 0.0]])
    assert entropy(certain).tolist() == [0.0, 0.0]


def test_the_entropy_of_one_in_four():
    logits = torch.tensor([[1 / 4, 3 / 4]]).log()
    expected = -(1 / 4) * math.log(1 / 4) - (3 / 4) * math.log(3 / 4)
    assert entropy(logits).item() == pytest.approx(expected, abs=1e-6)


def test_equal_distributions_do_not_diverge():
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.0, NEVER, NEVER]])
    assert divergence(logits, logits + 5.0).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_distributions_that_share_nothing_diverge_by_ln_2():
    left = torch.tensor([[0.0, NEVER], [0.0, -1000.0]])
    assert divergence(left, left.flip(-1)).tolist() == pytest.approx([math.log(2)] * 2, abs=1e-6)


def test_divergence_by_hand():
    # P = (1, 0), Q = (1/2, 1/2), M = (3/4, 1/4): H(M) - (H(P) + H(Q)) / 2
    p, q = torch.tensor([[0.0, NEVER]]), torch.tensor([[0.0, 0.0]])
    h_m = -(3 / 4) * math.log(3 / 4) - (1 / 4) * math.log(1 / 4)
    assert divergence(p, q).item() == pytest.approx(h_m - (0 + math.log(2)) / 2, abs=1e-6)


@given(ROWS, ROWS)
def test_divergence_is_symmetric_and_between_zero_and_ln_2(one, other):
    left, right = torch.tensor([one]), torch.tensor([other])
    there, back = divergence(left, right).item(), divergence(right, left).item()
    assert there == back
    assert 0.0 <= there <= math.log(2) + 1e-6


@given(ROWS, ROWS)
def test_both_entropies_come_with_the_divergence(one, other):
    left, right = torch.tensor([one]), torch.tensor([other])
    assert compared(left, right) == (entropy(left), entropy(right), divergence(left, right))


def test_a_token_too_rare_for_its_precision_adds_nothing():
    # e^-200 is no float32; its logarithm is finite all the same.
    logits = torch.tensor([[0.0, -200.0], [0.0, -5000.0]])
    assert entropy(logits).tolist() == [0.0, 0.0]
    assert divergence(logits, logits.flip(-1)).tolist() == pytest.approx([math.log(2)] * 2)


@given(ROWS, ROWS)
def test_rows_do_not_see_each_other(one, other):
    both = torch.tensor([one, other])
    assert entropy(both)[0] == entropy(both[:1])[0]
    assert divergence(both, both.flip(-1))[1] == divergence(both[1:], both[1:].flip(-1))[0]


def test_the_margin_is_the_gap_between_the_two_likeliest_tokens():
    logits = torch.tensor([[0.2, 0.7, 0.1], [0.4, 0.2, 0.4]]).log()
    assert margin(logits).tolist() == pytest.approx([0.7 - 0.2, 0.4 - 0.4], abs=1e-6)


def test_a_token_that_is_certain_or_alone_has_all_the_margin_there_is():
    assert margin(torch.tensor([[NEVER, 5.0, NEVER]])).tolist() == [1.0]
    assert margin(torch.tensor([[5.0]])).tolist() == [1.0]
