from __future__ import annotations

import numpy as np
import pytest
from forests import leaf, split

from rag_router.decoders.considerations import CONSIDERED
from rag_router.decoders.rewards import RewardForest

ROWS = np.zeros((2, len(CONSIDERED)), dtype=np.float32)
ROWS[1, CONSIDERED.index("divergence")] = 0.5


def test_a_leaf_says_its_shares_to_everybody():
    assert leaf(0.25, 0.5)(ROWS).tolist() == [[0.25, 0.5]] * 2


def test_at_the_limit_is_left_and_above_it_right():
    forest = split("divergence", 0.5, (1.0, 0.0), (0.0, 1.0))
    assert forest(ROWS).tolist() == [[1.0, 0.0], [1.0, 0.0]]
    forest = split("divergence", 0.49, (1.0, 0.0), (0.0, 1.0))
    assert forest(ROWS).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_several_trees_are_averaged():
    one, other = split("divergence", 0.25, (0.0, 0.5), (1.0, 0.5)), leaf(0.5, 0.0)
    both = RewardForest(
        roots=np.array([0, 3], dtype=np.int32),
        column=np.concatenate([one.column, other.column]),
        limit=np.concatenate([one.limit, other.limit]),
        right=np.concatenate([one.right, other.right]),
        share=np.concatenate([one.share, other.share]),
    )
    assert both(ROWS).tolist() == [[0.25, 0.25], [0.75, 0.25]]


def test_it_comes_back_from_its_arrays_and_a_missing_one_is_named():
    forest = split("support", 0.0, (1.0,), (0.0,))
    back = RewardForest.of(forest.arrays("2"), "2")
    assert back(ROWS).tolist() == forest(ROWS).tolist()
    with pytest.raises(KeyError, match=r"0\.roots"):
        RewardForest.of(forest.arrays("2"), "0")
