"""Principal components and logistic probes, by hand and against what defines them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from insides import planted

from rag_router.calibration import auroc, even_folds
from rag_router.errors import DataError
from rag_router.learning.probes import (
    Projection,
    check_width,
    cross_entropies,
    logistic_path,
    logits_apart,
)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_the_cross_entropy_by_hand():
    # Log-odds ln 3 are p = 3/4; a right one costs -ln(3/4), half a right one the mean of both.
    logits = np.array([np.log(3.0)])
    assert cross_entropies(logits, np.array([1.0])) == pytest.approx(-np.log(3 / 4))
    half = -(np.log(3 / 4) + np.log(1 / 4)) / 2
    assert cross_entropies(logits, np.array([0.5])) == pytest.approx(half)


@given(st.integers(0, 30), st.floats(-20, 20))
def test_a_share_of_right_samples_costs_what_as_many_right_and_wrong_copies_cost(right, logit):
    copies = np.repeat([1.0, 0.0], [right, 30 - right])
    soft = cross_entropies(np.array([logit]), np.array([right / 30]))
    hard = cross_entropies(np.full(30, logit), copies)
    assert soft == pytest.approx(hard, abs=1e-6)


def test_shares_teach_the_same_as_copies():
    draw = np.random.default_rng(0)
    z = draw.normal(size=(40, 3)).astype(np.float32)
    right = draw.integers(0, 5, size=40)  # of four samples each
    soft = logistic_path(z, right / 4, [0.1])[0]
    copies = np.concatenate([np.repeat([1.0, 0.0], [r, 4 - r]) for r in right])
    hard = logistic_path(np.repeat(z, 4, axis=0), copies, [0.1])[0]
    assert soft == pytest.approx(hard, abs=1e-4)


def test_a_probe_is_where_its_loss_is_flat():
    draw = np.random.default_rng(1)
    z = draw.normal(size=(300, 4)).astype(np.float32)
    target = (z[:, 0] + draw.normal(size=300) > 0).astype(float)
    for beta, penalty in zip(logistic_path(z, target, [1.0, 0.01]), [1.0, 0.01], strict=True):
        gap = sigmoid(z @ beta[:-1] + beta[-1]) - target
        slope = z.T @ gap / 300 + penalty * beta[:-1]
        assert np.abs(slope).max() < 2e-4
        assert abs(gap.mean()) < 2e-4  # the bias is not penalised


def test_a_stronger_penalty_makes_smaller_weights():
    states, right = planted(200, 5)
    betas = logistic_path(states.astype(np.float32), right.astype(float), [10.0, 1.0, 0.1, 0.01])
    sizes = np.linalg.norm(betas[:, :-1], axis=1)
    assert (np.diff(sizes) > 0).all()


def test_without_components_a_probe_says_how_often_it_is_right():
    target = np.array([1.0, 1.0, 1.0, 0.0])
    beta = logistic_path(np.zeros((4, 0), dtype=np.float32), target, [1.0])[0]
    assert sigmoid(beta) == pytest.approx([0.75], abs=1e-3)


def test_separable_classes_leave_the_weights_finite():
    z = np.array([[-1.0], [-2.0], [1.0], [2.0]], dtype=np.float32)
    beta = logistic_path(z, np.array([0.0, 0.0, 1.0, 1.0]), [1e-3])[0]
    assert np.isfinite(beta).all()
    assert beta[0] > 2


def test_a_planted_direction_is_found():
    states, right = planted(400, 30, strength=6.0)
    z = Projection.of(states, 30)(states)
    logits = logits_apart(z, right.astype(float), [0.1], even_folds(right, 5, 0))[0]
    assert auroc(logits, right) > 0.98


def test_a_question_has_no_say_in_its_own_logit():
    states, right = planted(60, 4)
    fold = even_folds(right, 5, 0)
    z = states.astype(np.float32)
    turned = np.where(np.arange(60) == 7, ~right, right)
    before, after = (logits_apart(z, t.astype(float), [0.1], fold)[0] for t in (right, turned))
    own = fold == fold[7]
    assert after[own] == pytest.approx(before[own], abs=1e-3)
    assert np.abs(after[~own] - before[~own]).min() > 1e-3


def test_components_have_mean_0_variance_1_and_nothing_in_common():
    draw = np.random.default_rng(2)
    states = draw.normal(size=(500, 6)) @ draw.normal(size=(6, 6)) * 100 + 40
    z = Projection.of(states, 4)(states).astype(float)
    assert z.shape == (500, 4)
    assert z.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-3)
    assert z.T @ z / 500 == pytest.approx(np.eye(4), abs=1e-3)


def test_the_first_components_are_those_of_the_largest_variance():
    draw = np.random.default_rng(3)
    shared = draw.normal(size=(400, 1))
    # Three columns that say the same, and one that says something else.
    states = np.column_stack([shared + 0.1 * draw.normal(size=(400, 3)), draw.normal(size=400)])
    first = Projection.of(states, 4).first(1)(states)[:, 0]
    assert abs(np.corrcoef(first, shared[:, 0])[0, 1]) > 0.99


def test_a_map_of_components_unfolds_into_the_same_map_of_states():
    states, _ = planted(80, 7)
    projection = Projection.of(states * 5 + 3, 4)
    weights, bias = np.arange(8.0).reshape(4, 2), np.array([1.0, -1.0])
    raw, shift = projection.unfold(weights, bias)
    assert (states * 5 + 3) @ raw + shift == pytest.approx(
        projection(states * 5 + 3) @ weights + bias, abs=1e-4
    )


def test_what_hardly_varies_is_taken_for_rounding():
    draw = np.random.default_rng(4)
    states = np.column_stack(
        [draw.normal(size=100), np.full(100, 7.0), 1000 + 1e-3 * draw.normal(size=100)]
    )
    projection = Projection.of(states, 3)
    assert projection.basis.shape == (3, 1)
    assert projection.basis[1:].tolist() == [[0.0], [0.0]]


def test_states_that_do_not_vary_at_all_have_no_components():
    assert Projection.of(np.ones((10, 3)), 3).basis.shape == (3, 0)


def test_states_of_another_model_are_recognised_by_their_width():
    check_width(np.zeros((2, 5)), 5)
    with pytest.raises(DataError, match="of width 5 were given to what learned from 7"):
        check_width(np.zeros((2, 5)), 7)
