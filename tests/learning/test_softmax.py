"""Softmax and logistic regressions: where the loss is lowest, by hand and by its slope."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_router.learning.softmax import fit_sigmoids, fit_softmax, sigmoid, softmax


def test_softmax_of_equal_logits_is_even_and_a_shift_changes_nothing():
    assert softmax(np.zeros((1, 4)))[0].tolist() == [0.25] * 4
    logits = np.array([[1.0, 2.0, 700.0]])
    assert softmax(logits + 300) == pytest.approx(softmax(logits))


def test_without_anything_to_read_the_shares_of_the_classes_are_learned():
    target = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    weights, bias = fit_softmax(np.zeros((4, 2)), target, 1.0)
    assert softmax(bias) == pytest.approx([3 / 4, 1 / 4], abs=1e-3)
    assert not weights.any()
    _, bias = fit_sigmoids(np.zeros((4, 2)), target, 1.0)
    assert sigmoid(bias) == pytest.approx([3 / 4, 1 / 4], abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([fit_softmax, fit_sigmoids]))
def test_where_the_descent_ends_the_slope_is_nothing(seed, fit):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(60, 3))
    target = np.eye(3)[draw.integers(3, size=60)]
    weights, bias = fit(x, target, 0.05)
    likely = softmax if fit is fit_softmax else sigmoid
    gap = (likely(x @ weights.T + bias) - target) / 60
    assert np.abs(gap.T @ x + 0.05 * weights).max() < 2e-3
    assert np.abs(gap.sum(axis=0)).max() < 2e-3


def test_separable_data_stays_finite():
    x = np.array([[1.0], [-1.0]])
    weights, bias = fit_softmax(x, np.eye(2), 1e-3)
    assert np.isfinite(weights).all() and np.isfinite(bias).all()
    assert softmax(x @ weights.T + bias).argmax(axis=1).tolist() == [0, 1]
