from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stepping import NEVER

from rag_router.decoders.arithmetic import LOWEST, capped, contrast, floored, interpolate, mix
from rag_router.models.streams import Facts

ROW = st.lists(st.one_of(st.floats(-50, 50), st.just(NEVER)), min_size=4, max_size=4).filter(
    lambda row: max(row) > NEVER
)


def test_interpolation_reaches_both_ends_and_beyond():
    closed, context = torch.tensor([[1.0, 3.0]] * 3), torch.tensor([[2.0, 1.0]] * 3)
    out = interpolate(closed, context, torch.tensor([0.0, 1.0, 2.0]))
    assert out.tolist() == [[1.0, 3.0], [2.0, 1.0], [1 + 2 * (2 - 1), 3 + 2 * (1 - 3)]]


def test_a_mixture_adds_up_weighted_logits():
    streams = [torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 5.0]]), torch.tensor([[7.0, 11.0]])]
    out = mix(streams, torch.tensor([[0.5, 0.25, 0.25]]))
    assert out.tolist() == [[0.5 * 1 + 0.25 * 3 + 0.25 * 7, 0.5 * 2 + 0.25 * 5 + 0.25 * 11]]


def test_a_stream_without_weight_has_no_say_even_in_what_it_rules_out():
    closed, context = torch.tensor([[0.0, NEVER, 1.0]]), torch.tensor([[2.0, 3.0, 4.0]])
    assert interpolate(closed, context, torch.tensor([1.0])).tolist() == [[2.0, 3.0, 4.0]]


def test_a_token_that_one_stream_rules_out_is_left_with_nothing():
    closed, context = torch.tensor([[0.0, NEVER]]), torch.tensor([[0.0, 3.0]])
    # The best of the first stream is 0, so that ruled out counts as 0 - 1000 there.
    out = interpolate(closed, context, torch.tensor([0.5]))
    assert out.tolist() == [[0.0, 0.5 * LOWEST + 0.5 * 3]]


def test_what_all_streams_rule_out_stays_ruled_out():
    row = torch.tensor([[0.0, NEVER]])
    assert mix((row, row, row), torch.tensor([[0.2, 0.3, 0.5]])).tolist() == [[0.0, NEVER]]
    assert contrast(row, row, torch.tensor([2.0])).tolist() == [[0.0, NEVER]]


def test_contrast_goes_beyond_the_passages_by_alpha_times_the_difference():
    closed, context = torch.tensor([[1.0, 3.0]] * 2), torch.tensor([[2.0, 1.0]] * 2)
    out = contrast(closed, context, torch.tensor([0.0, 0.5]))
    # (1 + 1/2) z^c - 1/2 z
    assert out.tolist() == [[2.0, 1.0], [1.5 * 2 - 0.5 * 1, 1.5 * 1 - 0.5 * 3]]


def test_contrast_never_brings_back_what_the_passages_rule_out():
    closed, context = torch.tensor([[5.0, 0.0]]), torch.tensor([[NEVER, 0.0]])
    assert contrast(closed, context, torch.tensor([1.0]))[0, 0] == NEVER


def test_contrast_prefers_what_memory_alone_rules_out_and_stays_finite():
    closed, context = torch.tensor([[0.0, NEVER]]), torch.tensor([[0.0, -1.0]])
    out = contrast(closed, context, torch.tensor([1.0]))
    assert out.tolist() == [[0.0, -1.0 + 1.0 * (-1.0 - LOWEST)]]


def test_what_a_model_says_by_itself_is_left_as_it_is():
    row = torch.tensor([[120.0, 0.0, -800.0]])
    assert floored(row).tolist() == row.tolist()


def test_full_trust_leaves_alpha_as_it_is_and_less_trust_caps_it():
    alpha = torch.tensor([0.5, 0.5, 0.1, 0.5])
    facts = [Facts(trust=t) for t in (1.0, 0.25, 0.25, 0.0)]
    # min(alpha, trust * 1/2)
    assert capped(alpha, facts, limit=0.5).tolist() == pytest.approx([0.5, 0.125, 0.1, 0.0])


def test_only_what_goes_beyond_reading_the_passages_is_capped():
    share = torch.tensor([1.0, 1.0, 1.0, 0.4])
    facts = [Facts(trust=t) for t in (1.0, 0.5, 0.0, 0.0)]
    # 1/2 + trust (1 - 1/2); a share of 0.4 is below the plain one and stays
    out = capped(share, facts, limit=1.0, plain=0.5)
    assert out.tolist() == pytest.approx([1.0, 0.75, 0.5, 0.4])


@given(ROW, ROW, st.floats(0, 100), st.floats(0, 1))
def test_the_outcome_is_always_a_distribution(closed, context, beyond, share):
    closed, context = torch.tensor([closed]), torch.tensor([context])
    for out in (
        contrast(closed, context, torch.tensor([beyond])),
        interpolate(closed, context, torch.tensor([share])),
    ):
        p = torch.softmax(out, dim=-1)
        assert not torch.isnan(p).any()
        assert p.sum().item() == pytest.approx(1.0, abs=1e-5)
