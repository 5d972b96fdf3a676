"""A random forest, kept as arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import auroc
from rag_router.gates.forest import Forest, fit_forest

HALF = np.log(0.5 / 0.5)


def by_hand():
    """Two trees: the first splits on column 1 at 2, the second is a leaf."""
    return Forest(
        roots=np.array([0, 3], dtype=np.int32),
        column=np.array([1, -1, -1, -1], dtype=np.int16),
        limit=np.array([2.0, 0, 0, 0], dtype=np.float32),
        right=np.array([2, 0, 0, 0], dtype=np.int32),
        share=np.array([0.4, 0.1, 0.7, 0.3], dtype=np.float32),
    )


def test_each_tree_leads_to_a_leaf_and_the_leaves_are_averaged():
    # Left, at 2 and below: (0.1 + 0.3) / 2 = 0.2; right: (0.7 + 0.3) / 2 = 0.5.
    found = by_hand()(np.array([[9.0, 2.0], [0.0, 2.5]]))
    assert found.tolist() == pytest.approx([np.log(0.2 / 0.8), HALF], abs=1e-6)


def test_no_leaf_is_surer_than_a_thousand_to_one():
    sure = Forest(
        roots=np.zeros(1, dtype=np.int32),
        column=np.full(1, -1, dtype=np.int16),
        limit=np.zeros(1, dtype=np.float32),
        right=np.zeros(1, dtype=np.int32),
        share=np.ones(1, dtype=np.float32),
    )
    assert sure(np.zeros((1, 1))).tolist() == pytest.approx([np.log(999)], abs=1e-6)


def checkerboard(n=600):
    """Right where both figures are high or both low: no sum of them tells."""
    figures = np.random.default_rng(1).normal(size=(n, 2))
    return figures, (figures[:, 0] > 0) == (figures[:, 1] > 0)


def test_it_hears_what_counts_only_together():
    figures, right = checkerboard()
    _, apart = fit_forest(figures, right)
    assert auroc(apart, right) > 0.9


def test_what_says_nothing_teaches_nothing():
    figures = np.random.default_rng(2).normal(size=(600, 3))
    right = np.random.default_rng(3).random(600) < 0.3
    _, apart = fit_forest(figures, right)
    assert auroc(apart, right) == pytest.approx(0.5, abs=0.08)


def test_the_arrays_say_what_the_library_says():
    from sklearn.ensemble import RandomForestClassifier

    figures, right = checkerboard(400)
    theirs = RandomForestClassifier(100, min_samples_leaf=10, max_features=0.4, random_state=0).fit(
        figures, right
    )
    ours, _ = fit_forest(figures, right)
    asked = np.random.default_rng(9).normal(size=(200, 2))
    p = np.clip(theirs.predict_proba(asked)[:, 1], 1e-3, 1 - 1e-3)
    assert ours(asked) == pytest.approx(np.log(p / (1 - p)), abs=1e-4)


@settings(max_examples=20)
@given(st.lists(st.tuples(*[st.floats(-3, 3, width=32)] * 2), min_size=1, max_size=8))
def test_a_question_is_judged_alike_alone_and_in_company(rows):
    forest = fitted()
    together = forest(np.array(rows))
    assert together.tolist() == [float(forest(np.array([row]))[0]) for row in rows]


def fitted():
    return fit_forest(*checkerboard(120))[0]


def test_the_same_questions_grow_the_same_forest_and_it_survives_the_disk(tmp_path):
    one = fitted()
    Artefact(
        card=Card(method="gate/combined", model="m", model_fingerprint="f"), weights=one.arrays()
    ).save(tmp_path / "forest")
    again = Forest.of(Artefact.load(tmp_path / "forest").weights)
    for name, array in fitted().arrays().items():
        assert np.array_equal(array, again.arrays()[name])
    assert Forest.of({}) is None
