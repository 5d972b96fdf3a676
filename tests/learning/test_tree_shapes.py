from __future__ import annotations

import numpy as np

from rag_router.learning.trees import Shape, leaves_of, shape_of


def shape(limit):
    """One tree: is column 1 at most the limit? Left is node 1, right is node 2."""
    return Shape(
        roots=np.array([0]),
        column=np.array([1, -1, -1]),
        limit=np.array([limit, 0.0, 0.0], dtype=np.float32),
        right=np.array([2, 0, 0]),
    )


def test_at_the_limit_is_left_and_above_it_right():
    rows = np.array([[9.0, 0.5], [0.0, 0.75]], dtype=np.float32)
    assert leaves_of(shape(0.5), rows).tolist() == [[1], [2]]
    assert leaves_of(shape(0.75), rows).tolist() == [[1], [1]]


def test_what_scikit_learn_grew_is_walked_as_it_walks_it():
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(0)
    columns = rng.normal(size=(200, 5)).astype(np.float32)
    grown = RandomForestRegressor(7, random_state=0).fit(columns, columns[:, 0] > columns[:, 1])
    trees = [one.tree_ for one in grown.estimators_]
    found = shape_of(trees)
    assert np.array_equal(leaves_of(found, columns) - found.roots, grown.apply(columns))
    assert found.limit.dtype == np.float32
