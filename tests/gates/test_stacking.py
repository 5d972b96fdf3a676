"""Weighing gates against each other, and whether retrieval will help."""

from __future__ import annotations

import numpy as np
import pytest
from stand_ins import lesson

from rag_router.calibration import Platt, auroc, expected_calibration_error
from rag_router.errors import DataError
from rag_router.gates.benefit import fit_benefit, p_benefit
from rag_router.gates.stacking import Stack, fit_stack

RANDOM = np.random.default_rng(1)
N = 4000
TRUTH = RANDOM.normal(size=(N, 2))
RIGHT = RANDOM.random(N) < 1 / (1 + np.exp(-TRUTH.sum(axis=1)))


def test_a_stack_is_the_curve_over_the_weighted_sum():
    stack = Stack((2.0, 0.5, -1.0), Platt((0.5,), 0.25))
    # 2 * 1 + 0.5 * 3 - 1 = 2.5;  sigmoid(0.5 * 2.5 + 0.25) = 1 / (1 + e^-1.5)
    assert stack(np.array([[1.0, 3.0]]))[0] == pytest.approx(1 / (1 + np.exp(-1.5)))


def test_members_that_each_know_half_are_weighed_evenly_and_know_more_together():
    stack, apart = fit_stack(TRUTH, RIGHT)
    assert stack.weights == pytest.approx((1.0, 1.0, 0.0), abs=0.12)
    p = stack(TRUTH)
    assert auroc(p, RIGHT) > auroc(TRUTH[:, 0], RIGHT) + 0.05
    assert expected_calibration_error(p, RIGHT) < 0.03
    # Weights from the other folds hardly differ: two slopes are learned from 4 of 5 questions.
    assert apart == pytest.approx(p, abs=0.05)


def test_a_member_that_says_nothing_weighs_nothing():
    noise = RANDOM.normal(size=N)
    stack, _ = fit_stack(np.column_stack([TRUTH.sum(axis=1), noise]), RIGHT)
    assert abs(stack.weights[1]) < 0.1 < 0.8 < stack.weights[0]


def test_a_stack_comes_back_from_its_arrays():
    stack, _ = fit_stack(TRUTH[:300], RIGHT[:300], seed=3)
    assert Stack.of({"other": np.zeros(1), **stack.arrays("2.")}, "2.") == stack
    assert Stack.of(stack.arrays()) == stack
    assert Stack.of({}) is None


def test_one_class_alone_weighs_nothing():
    with pytest.raises(DataError, match="both classes"):
        fit_stack(TRUTH, np.zeros(N, dtype=bool))


def test_benefit_is_learned_from_wrong_without_and_right_with():
    # Memory is right about 90 of 100 questions of one kind and 10 of 100 of the other; passages
    # turn half of the wrong ones right: 5 and 45.
    kind = np.repeat([[1.0], [-1.0]], 100, axis=0)
    right = np.array([n < 90 for n in range(100)] + [n < 10 for n in range(100)])
    helped = right | (np.arange(200) % 2 == 0)
    curve = fit_benefit(kind, lesson(kind, right, helped=helped))
    found = p_benefit(curve, np.array([[1.0], [-1.0]]), np.array([0.9, 0.1]))
    assert found == pytest.approx([0.05, 0.45], abs=0.02)


def test_benefit_never_exceeds_what_is_not_known():
    p = p_benefit(np.array([0.0, 3.0]), np.zeros((1, 1)), np.array([0.9]))
    # sigmoid(3) = 0.95, but only 0.1 is left to gain.
    assert p == pytest.approx([0.1])


@pytest.mark.parametrize("helped", [None, np.zeros(4, dtype=bool), np.array([1, 0, 1, 0], bool)])
def test_without_questions_that_retrieval_turned_right_nothing_is_said(helped):
    told = lesson(np.zeros((4, 1)), [True, False, True, False], helped=helped)
    curve = fit_benefit(np.zeros((4, 1)), told)
    assert curve.tolist() == []
    assert p_benefit(curve, np.zeros((2, 1)), np.array([0.5, 0.5])) is None
