from __future__ import annotations

import math

import numpy as np
import pytest

from rag_router.filters.trees import BoostedTrees, grow


def stump(limit, left, right):
    """One tree: the first column at most `limit` goes left; log-odds start at 0.5."""
    return BoostedTrees(
        start=np.array([0.5]),
        roots=np.array([0], dtype=np.int32),
        column=np.array([0, -1, -1], dtype=np.int16),
        limit=np.array([limit, 0, 0], dtype=np.float32),
        right=np.array([2, 0, 0], dtype=np.int16),
        value=np.array([0, left, right], dtype=np.float32),
    )


def test_a_leaf_is_added_to_the_start():
    said = stump(0.25, -1.0, 2.0)(np.array([[0.25], [0.26], [math.nan]]))
    # At the limit goes left: 0.5 - 1; beyond it right: 0.5 + 2; what is not known lies below all.
    assert said.tolist() == [-0.5, 2.5, -0.5]


def test_they_come_back_from_an_artefact_as_they_were():
    trees = stump(0.25, -1.0, 2.0)
    again = BoostedTrees.of(trees.arrays("head"), "head")
    assert again(np.array([[0.3]])).tolist() == [2.5]
    with pytest.raises(KeyError):
        BoostedTrees.of(trees.arrays("head"), "other")


def test_grown_ones_say_what_scikit_learn_says_and_hear_what_a_sum_cannot():
    random = np.random.default_rng(3)
    columns = random.uniform(-1, 1, (3000, 3))
    right = (columns[:, 0] > 0) ^ (columns[:, 1] > 0)
    trees = grow(columns, right, trees=60, rate=0.2)
    said = trees(np.array([[0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0], [-0.5, -0.5, 0]]))
    assert (said > 1).tolist() == [True, False, True, False]
    assert (said < -1).tolist() == [False, True, False, True]


def test_the_same_seed_grows_the_same_trees():
    random = np.random.default_rng(4)
    columns = random.uniform(0, 1, (300, 2))
    right = columns[:, 0] > 0.4
    one, two = (grow(columns, right, trees=5, seed=7) for _ in range(2))
    assert all(np.array_equal(one.arrays("t")[k], two.arrays("t")[k]) for k in one.arrays("t"))
