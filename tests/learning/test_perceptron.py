from __future__ import annotations

import numpy as np
import pytest
import torch

from rag_router.learning.perceptron import Perceptron, train
from rag_router.learning.probes import Projection

# Either but not both: no straight line parts the classes.
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
EITHER = torch.tensor([0.0, 1.0, 1.0, 0.0])


def either(seed=0, steps=600):
    inputs = torch.from_numpy(CORNERS).float()

    def loss(forward, draw):
        return torch.nn.functional.binary_cross_entropy_with_logits(forward(inputs)[:, 0], EITHER)

    return train(loss, width=2, hidden=8, outputs=1, steps=steps, seed=seed, rate=0.03, decay=0.0)


def test_one_neuron_by_hand():
    one = Perceptron(np.array([[2.0]]), np.array([1.0]), np.array([[3.0]]), np.array([-1.0]))
    assert one(np.array([[0.5]])).tolist() == [[pytest.approx(3 * np.tanh(2 * 0.5 + 1) - 1)]]


def test_it_learns_what_no_line_can_part():
    assert (either()(CORNERS)[:, 0] > 0).tolist() == [False, True, True, False]


def test_the_same_seed_teaches_the_same_and_another_one_something_else():
    first, again, other = either(steps=5), either(steps=5), either(seed=1, steps=5)
    assert first.first.tolist() == again.first.tolist()
    assert first.first.tolist() != other.first.tolist()


def test_teaching_draws_nothing_from_anybody_else():
    torch.manual_seed(3)
    before = torch.rand(1)
    torch.manual_seed(3)
    either(steps=2)
    assert torch.rand(1) == before


def test_its_arrays_bring_it_back():
    one = either(steps=5)
    again = Perceptron.of(one.arrays("0."), "0.")
    assert all(array.dtype == np.float32 for array in one.arrays().values())
    assert again(CORNERS) == pytest.approx(one(CORNERS), abs=1e-5)


def test_behind_a_projection_it_maps_the_states_themselves():
    draw = np.random.default_rng(0)
    states = draw.normal(size=(50, 5)) * 10 + 4
    projection = Projection.of(states, 2)
    one = either(steps=5)
    assert one.behind(projection)(states) == pytest.approx(one(projection(states)), abs=1e-4)
