from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stepping import NEVER, logits, probabilities, step

from rag_router.decoders.context_aware import ContextAwareDecoder
from rag_router.models.streams import Facts

ROW = st.lists(st.floats(-20, 20), min_size=4, max_size=4)


def test_it_reads_both_streams():
    assert ContextAwareDecoder().streams == ("closed", "context")


def test_two_tokens_by_hand():
    # p = (1/2, 1/2) without and p^c = (4/5, 1/5) with passages, alpha = 1/2:
    # p^c (p^c / p)^(1/2) = (0.8 * sqrt(1.6), 0.2 * sqrt(0.4)), up to a constant.
    out = step(ContextAwareDecoder(), closed=[logits(0.5, 0.5)], context=[logits(0.8, 0.2)])
    yes, no = 0.8 * 1.6**0.5, 0.2 * 0.4**0.5
    assert out.alpha.tolist() == [0.5]
    assert probabilities(out)[0] == pytest.approx([yes / (yes + no), no / (yes + no)], abs=1e-6)


def test_the_papers_formula_on_raw_logits():
    out = step(ContextAwareDecoder(alpha=1.0), closed=[[1.0, 3.0]], context=[[2.0, 1.0]])
    assert out.scores.tolist() == [[2 * 2 - 1 * 1, 2 * 1 - 1 * 3]]


def test_alpha_zero_reads_the_passages_as_they_are():
    context = [[2.0, NEVER, 1.0]]
    out = step(ContextAwareDecoder(alpha=0.0), closed=[[0.0, 1.0, 5.0]], context=context)
    assert out.scores.tolist() == context


@given(ROW, st.floats(0, 100))
def test_where_the_streams_agree_any_alpha_leaves_them_as_they_are(row, alpha):
    out = step(ContextAwareDecoder(alpha=alpha), closed=[row], context=[row])
    assert torch.equal(out.scores, torch.tensor([row]))


def test_a_token_that_memory_favours_can_lose_though_the_passages_favour_it_too():
    # p = (0.9, 0.1), p^c = (0.6, 0.4), alpha 1: 0.6^2 / 0.9 = 0.4 against 0.4^2 / 0.1 = 1.6
    out = step(
        ContextAwareDecoder(alpha=1.0), closed=[logits(0.9, 0.1)], context=[logits(0.6, 0.4)]
    )
    assert probabilities(out)[0] == pytest.approx([0.4 / 2.0, 1.6 / 2.0], abs=1e-6)


def test_passages_that_are_not_trusted_are_read_but_not_amplified():
    rows = {"closed": [logits(0.9, 0.1)] * 3, "context": [logits(0.6, 0.4)] * 3}
    facts = [Facts(trust=t) for t in (1.0, 0.5, 0.0)]
    out = step(ContextAwareDecoder(alpha=1.0), facts=facts, **rows)
    assert out.alpha.tolist() == [1.0, 0.5, 0.0]
    # trust 1: as above; 1/2: p^c (p^c / p)^(1/2); 0: p^c
    halves = [0.6 * (0.6 / 0.9) ** 0.5, 0.4 * (0.4 / 0.1) ** 0.5]
    assert probabilities(out)[0] == pytest.approx([0.2, 0.8], abs=1e-6)
    assert probabilities(out)[1] == pytest.approx([h / sum(halves) for h in halves], abs=1e-6)
    assert probabilities(out)[2] == pytest.approx([0.6, 0.4], abs=1e-6)


@pytest.mark.parametrize("alpha", [-0.1, 101.0, float("nan"), "much"])
def test_an_impossible_alpha_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha"):
        ContextAwareDecoder(alpha=alpha)
