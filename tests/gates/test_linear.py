"""A logistic head on blocks of features."""

from __future__ import annotations

import numpy as np
import pytest
from stand_ins import lesson

from rag_router.calibration import auroc
from rag_router.errors import DataError
from rag_router.gates.linear import Block, fit_linear, linear_logits

RANDOM = np.random.default_rng(0)
N = 240
DIRECTION = RANDOM.normal(size=N)
RIGHT = DIRECTION + 0.3 * RANDOM.normal(size=N) > 0
# One column tells; the other block is wide, large, and says nothing.
TELLING = np.column_stack([DIRECTION, RANDOM.normal(size=N)])
NOISE = 100 * RANDOM.normal(size=(N, 40)) + 7
TOLD = lesson(np.zeros((N, 0)), RIGHT)


def test_a_small_block_is_heard_beside_a_wide_and_loud_one():
    head = fit_linear([Block(TELLING), Block(NOISE)], TOLD, components=32)
    assert auroc(head.apart, RIGHT) > 0.9


@pytest.mark.parametrize("whitened", [True, False])
def test_components_weigh_alike_or_as_much_as_they_vary(whitened):
    # Two columns that say the same, and one of its own: of the standardised three, the first
    # principal component has twice the variance of the second. The third has next to none.
    columns = np.column_stack([DIRECTION, 5 * DIRECTION, NOISE[:, 0]])
    turn = Block(columns, whitened=whitened).projection(2)
    variances = turn(columns).var(axis=0)
    assert variances.sum() == pytest.approx(1)
    assert variances[0] / variances[1] == pytest.approx(1 if whitened else 2, rel=0.2)


def test_the_weights_are_on_the_columns_as_they_are():
    head = fit_linear([Block(TELLING), Block(NOISE)], TOLD, components=64)
    columns = np.column_stack([TELLING, NOISE])
    assert head.weights.shape == (42,)
    # By hand: w . x + b, for each question.
    by_hand = [float(np.dot(row, head.weights) + head.bias) for row in columns]
    found = linear_logits(columns, head.weights, head.bias)
    assert found.tolist() == pytest.approx(by_hand)
    assert auroc(found, RIGHT) > auroc(head.apart, RIGHT) - 0.02


def test_adding_to_a_column_or_scaling_it_changes_no_logit():
    one = fit_linear([Block(TELLING)], TOLD, components=2)
    other = fit_linear([Block(TELLING * [1000.0, 0.01] + 5)], TOLD, components=2)
    assert other.apart == pytest.approx(one.apart, abs=1e-3)
    assert other.penalty == one.penalty


def test_a_question_is_scored_the_same_alone_and_in_company():
    columns = np.column_stack([TELLING, NOISE])
    weights = RANDOM.normal(size=42)
    together = linear_logits(columns, weights, 0.5)
    assert together.tolist() == [
        float(linear_logits(row[None], weights, 0.5)[0]) for row in columns
    ]


def test_a_block_that_never_changes_says_nothing():
    head = fit_linear([Block(TELLING), Block(np.full((N, 3), 2.5))], TOLD, components=4)
    assert head.weights[2:].tolist() == [0, 0, 0]
    assert auroc(head.apart, RIGHT) > 0.9


def test_shares_of_samples_are_learned_from_where_there_are_any():
    share = 1 / (1 + np.exp(-3 * DIRECTION))
    head = fit_linear([Block(TELLING)], lesson(np.zeros((N, 0)), RIGHT, share=share), components=2)
    # The shares are a logistic curve of the first column with slope 3.
    assert head.weights[0] == pytest.approx(3, rel=0.15)


def test_one_class_alone_teaches_nothing():
    with pytest.raises(DataError, match="both classes"):
        fit_linear([Block(TELLING)], lesson(np.zeros((N, 0)), np.ones(N, dtype=bool)), components=2)
