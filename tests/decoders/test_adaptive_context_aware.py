from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stepping import logits, probabilities, step

from rag_router.decoders.adaptive_context_aware import AdaptiveContextAwareDecoder
from rag_router.models.streams import Facts

ROW = st.lists(st.floats(-30, 30), min_size=4, max_size=4)
AGREE, YES, NO = logits(0.5, 0.5), logits(1.0, 0.0), logits(0.0, 1.0)


def divergence(p, q):
    """JSD(P, Q) = KL(P || M) / 2 + KL(Q || M) / 2, M = (P + Q) / 2."""
    m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return sum(
        side * math.log(side / middle) / 2
        for one in (p, q)
        for side, middle in zip(one, m, strict=True)
        if side
    )


def test_it_reads_both_streams():
    assert AdaptiveContextAwareDecoder().streams == ("closed", "context")


def test_two_tokens_by_hand():
    # P = (4/5, 1/5), Q = (1/2, 1/2), M = (13/20, 7/20)
    alpha = (
        0.8 * math.log(0.8 / 0.65)
        + 0.2 * math.log(0.2 / 0.35)
        + 0.5 * math.log(0.5 / 0.65)
        + 0.5 * math.log(0.5 / 0.35)
    ) / 2
    assert alpha == pytest.approx(divergence([0.8, 0.2], [0.5, 0.5]))
    out = step(AdaptiveContextAwareDecoder(), closed=[AGREE], context=[logits(0.8, 0.2)])
    assert out.alpha.item() == pytest.approx(alpha, abs=1e-6)
    yes, no = 0.8 * (0.8 / 0.5) ** alpha, 0.2 * (0.2 / 0.5) ** alpha
    assert probabilities(out)[0] == pytest.approx([yes / (yes + no), no / (yes + no)], abs=1e-6)


def test_streams_that_agree_are_read_as_the_passages_say():
    out = step(AdaptiveContextAwareDecoder(), closed=[[7.0, 6.0]], context=[[2.0, 1.0]])
    assert out.alpha.item() == pytest.approx(0.0, abs=1e-6)
    assert out.scores[0].tolist() == pytest.approx([2.0, 1.0], abs=1e-6)


def test_streams_that_share_no_token_are_contrasted_by_ln_2():
    out = step(AdaptiveContextAwareDecoder(), closed=[YES], context=[NO])
    assert out.alpha.item() == pytest.approx(math.log(2), abs=1e-6)
    assert probabilities(out) == [[0.0, 1.0]]


def test_the_divergence_is_each_rows_own_and_no_mean_over_the_batch():
    # One row agrees and one shares nothing: a mean over the batch would give ln 2 / 2 to both.
    out = step(AdaptiveContextAwareDecoder(), closed=[AGREE, YES], context=[AGREE, NO])
    assert out.alpha.tolist() == pytest.approx([0.0, math.log(2)], abs=1e-6)


def test_a_floor_warms_up_what_would_not_be_contrasted():
    rows = {"closed": [AGREE, YES], "context": [AGREE, NO]}
    out = step(AdaptiveContextAwareDecoder(floor=0.3), **rows)
    assert out.alpha.tolist() == pytest.approx([0.3, math.log(2)], abs=1e-6)


def test_without_trust_the_passages_are_read_as_they_are_whatever_the_floor():
    context = [logits(0.8, 0.2)] * 2
    facts = [Facts(trust=0.0), Facts(trust=0.1)]
    out = step(
        AdaptiveContextAwareDecoder(floor=0.3), facts=facts, closed=[NO] * 2, context=context
    )
    assert out.alpha.tolist() == pytest.approx([0.0, 0.1 * math.log(2)], abs=1e-6)
    assert probabilities(out)[0] == pytest.approx([0.8, 0.2], abs=1e-6)


@given(ROW, ROW)
def test_alpha_is_symmetric_in_the_streams_and_between_zero_and_ln_2(closed, context):
    there = step(AdaptiveContextAwareDecoder(), closed=[closed], context=[context]).alpha
    back = step(AdaptiveContextAwareDecoder(), closed=[context], context=[closed]).alpha
    assert torch.equal(there, back)
    assert 0.0 <= there.item() <= math.log(2) + 1e-7


@pytest.mark.parametrize("floor", [-0.1, 0.7])
def test_a_floor_that_no_divergence_reaches_is_refused(floor):
    with pytest.raises(ValueError, match="floor"):
        AdaptiveContextAwareDecoder(floor=floor)
