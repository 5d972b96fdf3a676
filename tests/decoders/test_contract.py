"""What every strategy promises; a new one is covered by being registered.

Logits are drawn in quarters, so that adding a whole number to them is exact and a strategy that
decides by a threshold decides alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stepping import NEVER
from torch import Tensor

from rag_router.decoders import DECODERS
from rag_router.models.layers import LayerStates
from rag_router.models.streams import Facts, StepInput, StepOutput, layers_of

VOCABULARY = 6
LAYERS = 2
ROLES = ("closed", "context", "abstain")

ALPHA = {
    "abstaining": (0.0, 1.0),
    "abstaining_momentum": (0.0, 1.0),
    "adaptive_context_aware": (0.0, math.log(2)),
    "adaptive_contrast": (0.0, 1.0),
    "auto": (0.0, math.log(2)),
    "confidence_gain": (0.0, 1.0),
    "confidence_gain_released": (0.0, 1.0),
    "context_aware": (0.0, 0.5),
    "do_no_harm": (0.0, 1.5),
    "typicality": (0.0, 1.0),
}
"""What a strategy built without options reports, as its docstring has it."""


VALUES = [*(n / 4 for n in range(-80, 81)), *[NEVER] * 40]  # a fifth is ruled out
LOGITS = st.lists(st.sampled_from(VALUES), min_size=VOCABULARY, max_size=VOCABULARY).filter(
    lambda row: max(row) > NEVER
)
CERTAIN = st.sampled_from(
    [[0.0 if n == best else NEVER for n in range(VOCABULARY)] for best in range(VOCABULARY)]
)
STREAM = st.one_of(LOGITS, CERTAIN)


@dataclass(frozen=True)
class Row:
    """One row of a step: its logits in every stream, and what is known about it.

    `layers` are logits before and after each later layer's network, the same in every stream.
    """

    logits: dict[str, list[float]]
    facts: Facts
    layers: list[list[float]]


FACTS = st.builds(
    Facts,
    p_know=st.one_of(st.none(), st.floats(0, 1)),
    support=st.one_of(st.none(), st.floats(0, 1)),
    trust=st.one_of(st.just(1.0), st.floats(0, 1)),
)
ROW = st.builds(
    Row,
    st.fixed_dictionaries(dict.fromkeys(ROLES, STREAM)),
    FACTS,
    st.lists(STREAM, min_size=2 * LAYERS, max_size=2 * LAYERS),
)
ROWS = st.lists(ROW, min_size=1, max_size=4)

every_strategy = pytest.mark.parametrize("name", list(DECODERS))


def run(name, rows, state=None) -> StepOutput:
    decoder = DECODERS.build(name)
    streams = {role: torch.tensor([row.logits[role] for row in rows]) for role in decoder.streams}
    before = {role: logits.clone() for role, logits in streams.items()}
    shown = torch.tensor([row.layers for row in rows])
    layers = {
        role: LayerStates(shown[:, :LAYERS], shown[:, LAYERS:], head=lambda states: states)
        for role in layers_of(decoder)
    }
    facts, state = [row.facts for row in rows], state or [None] * len(rows)
    out = decoder.step(StepInput(streams, facts, state, layers))
    assert all(torch.equal(streams[role], before[role]) for role in streams)
    return out


def log_probabilities(out: StepOutput) -> Tensor:
    return torch.log_softmax(out.scores, dim=-1)


def same(left, right):
    if left is None or right is None:
        assert left is right
        return
    assert torch.equal(left.isneginf(), right.isneginf())
    assert torch.allclose(left, right, atol=1e-3)


@every_strategy
@given(rows=ROWS)
def test_every_row_has_a_distribution_that_is_never_nan_and_a_state_of_its_own(name, rows):
    out = run(name, rows)
    assert out.scores.shape == (len(rows), VOCABULARY)
    assert out.state is None or len(out.state) == len(rows)
    assert not torch.isnan(out.scores).any()
    assert not torch.isposinf(out.scores).any()
    assert not torch.isnan(log_probabilities(out)).any()


@every_strategy
@given(rows=ROWS)
def test_what_every_stream_rules_out_is_never_said(name, rows):
    scores = run(name, rows).scores
    for row, line in zip(rows, scores.tolist(), strict=True):
        read = [row.logits[role] for role in DECODERS.build(name).streams]
        for token, score in enumerate(line):
            if all(logits[token] == NEVER for logits in read):
                assert score == NEVER


@every_strategy
@given(rows=ROWS, random=st.randoms(use_true_random=False))
def test_a_row_is_the_same_alone_in_company_and_in_any_order(name, rows, random):
    first = run(name, rows)
    together = run(name, rows, first.state)
    order = random.sample(range(len(rows)), len(rows))
    for out, state in ((first, None), (together, first.state)):
        shuffled = run(name, [rows[n] for n in order], state and [state[n] for n in order])
        same(shuffled.scores, out.scores[order])
        same(shuffled.alpha, None if out.alpha is None else out.alpha[order])
        for n, row in enumerate(rows):
            alone = run(name, [row], state and [state[n]])
            same(alone.scores, out.scores[[n]])
            same(alone.alpha, None if out.alpha is None else out.alpha[[n]])


@every_strategy
@given(rows=ROWS, role=st.sampled_from(ROLES), constant=st.integers(-50, 50))
def test_a_constant_added_to_a_streams_logits_changes_nothing(name, rows, role, constant):
    moved = [
        replace(row, logits={**row.logits, role: [x + constant for x in row.logits[role]]})
        for row in rows
    ]
    out, other = run(name, rows), run(name, moved)
    same(log_probabilities(other), log_probabilities(out))
    same(other.alpha, out.alpha)


@every_strategy
@given(stream=STREAM, facts=FACTS, constant=st.integers(-5, 5))
def test_streams_that_agree_are_followed(name, stream, facts, constant):
    shifted = [x + constant for x in stream]
    agreeing = Row(
        dict.fromkeys(ROLES, stream) | {"closed": shifted}, facts, [stream, shifted] * LAYERS
    )
    scores = run(name, [agreeing]).scores[0]
    assert scores[stream.index(max(stream))] >= scores.max() - 1e-4


@every_strategy
@given(rows=ROWS)
def test_alpha_is_in_its_range(name, rows):
    alpha = run(name, rows).alpha
    if name not in ALPHA:
        assert alpha is None
        return
    low, high = ALPHA[name]
    assert alpha.shape == (len(rows),)
    assert ((alpha >= low) & (alpha <= high + 1e-6)).all()


@every_strategy
@given(rows=ROWS)
def test_less_trust_never_raises_alpha(name, rows):
    trusted = run(name, [replace(row, facts=Facts(trust=1.0)) for row in rows]).alpha
    doubted = run(name, [replace(row, facts=Facts(trust=0.3)) for row in rows]).alpha
    if trusted is not None:
        assert (doubted <= trusted).all()


@every_strategy
def test_layers_are_read_of_streams_that_are_read(name):
    decoder = DECODERS.build(name)
    assert set(layers_of(decoder)) <= set(decoder.streams)
