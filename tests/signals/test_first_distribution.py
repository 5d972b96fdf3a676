"""The shape of the next-token distribution, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from insides import board_of

from rag_router.signals import Cost
from rag_router.signals.first_distribution import (
    SHAPE_FIGURES,
    FirstDistribution,
    distribution_figures,
)


def test_the_figures_of_three_tokens():
    # p = 1/2, 1/4, 1/4, from logits that stand log 8 higher.
    logits = torch.log(torch.tensor([[4.0, 2.0, 2.0]]))
    row = distribution_figures(logits)[0]
    assert row[0] == pytest.approx(1.5 * np.log(2))  # 1/2 ln 2 + 2 (1/4 ln 4)
    assert row[1:4] == pytest.approx(np.log([0.5, 0.25, 0.25]))
    assert row[4:11].tolist() == [-30.0] * 7  # there is no fourth token
    assert row[11] == pytest.approx(np.log(0.375))  # 1/4 + 1/16 + 1/16
    assert row[12] == pytest.approx(np.log(4))
    assert row[13] == pytest.approx(np.log(8))


def test_tokens_that_are_ruled_out_leave_all_figures_finite():
    logits = torch.full((1, 20), -torch.inf)
    logits[0, 3] = 2.0
    row = distribution_figures(logits)[0]
    assert np.isfinite(row).all()
    assert (row[0], row[1], row[2]) == (0.0, 0.0, -30.0)


@given(st.floats(-20, 20))
def test_a_shift_of_all_logits_moves_the_last_two_figures_only(shift):
    logits = torch.linspace(-3, 2, 15)[None].double()
    before, after = (distribution_figures(x)[0] for x in (logits, logits + shift))
    assert after[:-2] == pytest.approx(before[:-2], abs=1e-4)
    assert after[-2:] == pytest.approx(before[-2:] + shift, abs=1e-4)


def test_it_is_read_off_the_closed_book_pass_for_nothing():
    board = board_of({"a": np.zeros((3, 4)), "b": np.ones((3, 4))})
    read = board.read(FirstDistribution(), [0, 1])
    assert [line.shape for line in read] == [(SHAPE_FIGURES,)] * 2
    assert board.cost(0) == Cost()
