from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rag_router.decoders.adaptive_contrast import AdaptiveContrastDecoder
from rag_router.models.streams import Facts, StepInput

ROW = st.lists(st.floats(-20, 20), min_size=4, max_size=4)
ROWS = st.lists(st.tuples(ROW, ROW), min_size=1, max_size=5)
CERTAIN = [0.0, -1000.0, -1000.0]


def step(closed, context):
    closed, context = torch.tensor(closed), torch.tensor(context)
    facts, state = [Facts()] * len(closed), [None] * len(closed)
    return AdaptiveContrastDecoder().step(
        StepInput({"closed": closed, "context": context}, facts, state)
    )


def test_it_reads_both_streams():
    assert AdaptiveContrastDecoder().streams == ("closed", "context")


def test_equal_entropies_give_the_mean_of_the_logits():
    closed, context = [[2.0, 0.0, 1.0]], [[0.0, 1.0, 2.0]]  # a permutation: the same entropy
    out = step(closed, context)
    assert out.alpha.tolist() == pytest.approx([0.5])
    assert out.scores[0].tolist() == pytest.approx([(2 + 0) / 2, (0 + 1) / 2, (1 + 2) / 2])


def test_a_certain_memory_is_followed():
    out = step([CERTAIN], [[0.0, 1.0, 0.0]])
    assert out.alpha.tolist() == [0.0]
    assert out.scores.tolist() == [CERTAIN]


def test_certain_passages_are_followed():
    out = step([[0.0, 1.0, 0.0]], [CERTAIN])
    assert out.alpha.tolist() == [1.0]
    assert out.scores.tolist() == [CERTAIN]


def test_two_certain_streams_weigh_the_same():
    out = step([CERTAIN], [CERTAIN[::-1]])
    assert out.alpha.tolist() == [0.5]
    assert out.scores.tolist() == [[-500.0, -1000.0, -500.0]]


def test_two_tokens_by_hand():
    # p = (1/2, 1/2) without and (9/10, 1/10) with passages.
    h = math.log(2)
    h_c = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    alpha = h / (h + h_c)
    z, z_c = [math.log(0.5), math.log(0.5)], [math.log(0.9), math.log(0.1)]
    out = step([z], [z_c])
    assert out.alpha.item() == pytest.approx(alpha, abs=1e-6)
    expected = [a + alpha * (b - a) for a, b in zip(z, z_c, strict=True)]
    assert out.scores[0].tolist() == pytest.approx(expected, abs=1e-6)
    # The passages are surer, so they weigh more, but less than they would alone.
    p = torch.softmax(out.scores, -1)[0, 0].item()
    assert alpha == pytest.approx(0.6807, abs=1e-3)
    assert 0.5 < p < 0.9


def test_passages_that_confuse_lose_weight():
    sure, torn, lost = [[4.0, 0.0, 0.0]], [[1.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]
    assert step(torn, sure).alpha > step(torn, torn).alpha > step(torn, lost).alpha


@given(ROWS)
def test_it_only_ever_interpolates(rows):
    closed, context = [a for a, _ in rows], [b for _, b in rows]
    out = step(closed, context)
    assert ((out.alpha >= 0) & (out.alpha <= 1)).all()
    low = torch.minimum(torch.tensor(closed), torch.tensor(context))
    high = torch.maximum(torch.tensor(closed), torch.tensor(context))
    assert ((out.scores >= low - 1e-4) & (out.scores <= high + 1e-4)).all()


@given(ROWS, st.randoms(use_true_random=False))
def test_permuting_the_rows_permutes_the_outcome(rows, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    out = step([a for a, _ in rows], [b for _, b in rows])
    moved = step([rows[i][0] for i in order], [rows[i][1] for i in order])
    assert torch.equal(moved.scores, out.scores[order])
    assert torch.equal(moved.alpha, out.alpha[order])
