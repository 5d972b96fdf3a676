from __future__ import annotations

import math

import numpy as np
import pytest

from rag_router.decoders.rewards import Rewards

ROWS = np.array([[0.0, 0.0], [1.0, -2.0]])


def test_what_is_promised_by_hand():
    lines = Rewards(np.array([[math.log(2), 0.0], [0.0, 0.0]]), np.array([0.0, math.log(3)]))
    # 1 and 3 of 4, and with the first doubled 2 and 3 of 5.
    assert lines(ROWS)[0] == pytest.approx([1 / 4, 3 / 4])
    assert lines(ROWS)[1] == pytest.approx([2 / 5, 3 / 5])


def test_far_out_nothing_overflows():
    lines = Rewards(np.array([[1e6, 0.0], [0.0, 1e6]]), np.zeros(2))
    assert lines(ROWS).tolist() == [[0.5, 0.5], [1.0, 0.0]]


def test_it_comes_back_from_its_arrays_and_a_missing_one_is_named():
    lines = Rewards(np.eye(2), np.array([0.5, 0.25]))
    back = Rewards.of(lines.arrays("2"), "2")
    assert back(ROWS).tolist() == lines(ROWS).tolist()
    with pytest.raises(KeyError, match=r"0\.slopes"):
        Rewards.of(lines.arrays("2"), "0")
