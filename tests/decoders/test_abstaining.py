from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stepping import logits, probabilities, step

from rag_router.decoders.abstaining import (
    AbstainingDecoder,
    relevance_weights,
)
from rag_router.models.streams import Facts, StepInput

ROW = st.lists(st.floats(-20, 20), min_size=4, max_size=4)
FLAT, YES = [0.0, 0.0, 0.0, 0.0], logits(0.0, 1.0, 0.0, 0.0)
SORRY = logits(0.1, 0.1, 0.1, 0.7)


def weights(closed, context, null_closed=None, null_context=None):
    made = {"closed": torch.tensor([closed]), "context": torch.tensor([context])}
    return relevance_weights(StepInput(made, [Facts()], [None]), null_closed, null_context)[0]


def test_it_reads_all_three_streams():
    assert AbstainingDecoder().streams == ("closed", "context", "abstain")


def test_where_neither_stream_is_sure_the_instruction_to_abstain_alone_speaks():
    # H = ln 4 in both, more than the null prompts' 1 nat: r_p = r_c = 0
    decoder = AbstainingDecoder(null_entropy_closed=1.0, null_entropy_context=1.0)
    out = step(decoder, closed=[FLAT], context=[FLAT], abstain=[SORRY])
    assert out.scores.tolist() == torch.tensor([SORRY]).tolist()
    assert out.alpha.tolist() == [0.0]


def test_sure_passages_alone_speak_where_memory_is_unsure():
    decoder = AbstainingDecoder(null_entropy_closed=1.0)
    out = step(decoder, closed=[FLAT], context=[YES], abstain=[SORRY])
    assert out.alpha.tolist() == [1.0]
    assert probabilities(out) == [[0.0, 1.0, 0.0, 0.0]]


def test_sure_memory_alone_speaks_where_the_passages_are_unsure():
    decoder = AbstainingDecoder(null_entropy_context=1.0)
    out = step(decoder, closed=[YES], context=[FLAT], abstain=[SORRY])
    assert out.alpha.tolist() == [0.0]
    assert probabilities(out) == [[0.0, 1.0, 0.0, 0.0]]


def test_weights_by_hand():
    # (1/2, 1/2) has H = ln 2; null entropies 2 ln 2 and 4 ln 2 give r_p = 1/2 and r_c = 3/4.
    half, ln2 = logits(0.5, 0.5, 0.0, 0.0), math.log(2)
    w_p, w_c = weights(half, half, 2 * ln2, 4 * ln2).tolist()
    assert w_p == pytest.approx(0.5**2 / (0.5 + 0.75), abs=1e-6)
    assert w_c == pytest.approx(0.75**2 / (0.5 + 0.75), abs=1e-6)
    decoder = AbstainingDecoder(null_entropy_closed=2 * ln2, null_entropy_context=4 * ln2)
    p, c, a = (0.5, 0.5), (0.5, 0.5), (0.9, 0.1)
    out = step(decoder, closed=[logits(*p)], context=[logits(*c)], abstain=[logits(*a)])
    powers = [x**w_p * y**w_c * z ** (1 - w_p - w_c) for x, y, z in zip(p, c, a, strict=True)]
    assert probabilities(out)[0] == pytest.approx([x / sum(powers) for x in powers], abs=1e-6)
    assert out.alpha.item() == pytest.approx(w_c, abs=1e-6)


def test_the_null_entropy_is_that_of_the_whole_vocabulary_where_none_is_given():
    # H = ln 2 of ln 4: r = 1 - 1/2 in both, w = (1/4) / 1
    half = logits(0.5, 0.5, 0.0, 0.0)
    assert weights(half, half).tolist() == pytest.approx([0.25, 0.25], abs=1e-6)


def test_the_surer_stream_is_the_more_relevant_one():
    """The sign in summaries of the paper would have it the other way round."""
    sure, torn = logits(0.97, 0.01, 0.01, 0.01), logits(0.4, 0.3, 0.2, 0.1)
    w_p, w_c = weights(sure, torn).tolist()
    assert w_p > w_c
    # and less of everything is left to abstention than where both are torn
    assert w_p + w_c > weights(torn, torn).sum()


@given(ROW, ROW, st.floats(0.01, 3), st.floats(0.01, 3))
def test_weights_are_in_zero_to_one_and_leave_no_less_than_nothing(closed, context, one, other):
    found = weights(closed, context, one, other)
    assert ((found >= 0) & (found <= 1)).all()
    assert found.sum() <= 1 + 1e-6


@pytest.mark.parametrize("name", ["null_entropy_closed", "null_entropy_context"])
@pytest.mark.parametrize("nats", [0.0, -1.0, 21.0])
def test_impossible_entropies_are_refused(name, nats):
    with pytest.raises(ValueError, match=name):
        AbstainingDecoder(**{name: nats})
