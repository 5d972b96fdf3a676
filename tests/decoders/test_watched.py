from __future__ import annotations

import math

import pytest
import torch
from stepping import logits, probabilities, step

from rag_router.decoders.watched import WatchedContrast, likelihoods
from rag_router.models.streams import Facts

CLOSED, CONTEXT = logits(0.5, 0.25, 0.25), logits(0.25, 0.25, 0.5)


def taken(alpha, state=None, **facts):
    return step(
        WatchedContrast(alpha),
        closed=[CLOSED],
        context=[CONTEXT],
        facts=[Facts(**facts)],
        state=state,
    )


def test_scores_by_hand():
    # alpha = 1/2 makes q (q / p)^(1/2): 1/4 (1/2)^(1/2), 1/4 and 1/2 2^(1/2).
    weights = [0.25 * 0.5**0.5, 0.25, 0.5 * 2**0.5]
    expected = [w / sum(weights) for w in weights]
    assert probabilities(taken(0.5))[0] == pytest.approx(expected)
    assert probabilities(taken(0.0))[0] == pytest.approx([0.25, 0.25, 0.5])


def test_trust_caps_what_goes_beyond_the_passages():
    assert taken(0.5, trust=0.5).alpha.item() == 0.25
    assert taken(0.5, trust=0.0).alpha.item() == 0.0


def test_what_both_streams_think_of_what_was_said_adds_up_without_its_end():
    first = taken(0.0)
    second = taken(0.0, first.state)
    third = taken(0.0, second.state)
    # Token 2 three times, of which the last one ended the answer: twice ln 1/4 and ln 1/2.
    closed, context, count = likelihoods(third.state[0])
    assert (closed, context) == pytest.approx((2 * math.log(1 / 4), 2 * math.log(1 / 2)))
    assert count == 2


def test_an_answer_of_one_token_counts_and_nothing_remembered_is_nothing():
    closed, _, count = likelihoods(taken(0.0).state[0])
    assert (closed, count) == (pytest.approx(math.log(1 / 4)), 1)
    assert likelihoods(None) == (0.0, 0.0, 0)


def test_what_is_ruled_out_counts_as_fifty_nats():
    state = step(
        WatchedContrast(0.0),
        closed=[logits(1.0, 0.0)],
        context=[logits(0.0, 1.0)],
        facts=[Facts()],
    ).state[0]
    assert torch.stack(state).tolist() == [[-50.0, 0.0]]
