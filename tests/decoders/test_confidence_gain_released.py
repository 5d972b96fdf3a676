from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stepping import NEVER, logits, probabilities, step

from rag_router.decoders.confidence_gain import ConfidenceGainDecoder
from rag_router.decoders.confidence_gain_released import ConfidenceGainReleasedDecoder
from rag_router.models.streams import Facts

ROW = st.lists(st.floats(-8, 8), min_size=5, max_size=5)
SURE, TORN = logits(0.9, 0.1), logits(0.4, 0.6)


def spread(*row):
    return -sum(p * math.log(p) for p in row if p)


def test_it_reads_both_streams():
    assert ConfidenceGainReleasedDecoder().streams == ("closed", "context")


def test_a_step_that_settles_a_little_is_a_conflict_here_and_none_in_the_paper():
    # H(p) = H(0.4, 0.6) = 0.673, H(p^c) = H(0.7, 0.3) = 0.611: surer, but 0.673 < 2 * 0.611
    assert spread(0.7, 0.3) < spread(0.4, 0.6) < 2 * spread(0.7, 0.3)
    rows = {"closed": [TORN], "context": [logits(0.7, 0.3)]}
    assert step(ConfidenceGainReleasedDecoder(reliance=1.0), **rows).alpha.tolist() == [0.0]
    assert step(ConfidenceGainDecoder(reliance=1.0), **rows).alpha.tolist() == [1.0]


def test_passages_that_settle_much_are_read_as_they_are():
    # 0.673 > 2 * 0.325
    assert spread(0.4, 0.6) > 2 * spread(0.9, 0.1)
    out = step(ConfidenceGainReleasedDecoder(reliance=1.0), closed=[TORN], context=[SURE])
    assert probabilities(out)[0] == pytest.approx([0.9, 0.1], abs=1e-6)
    assert out.alpha.tolist() == [1.0]


def test_both_ends_of_the_knob_and_its_middle():
    rows = {"closed": [SURE], "context": [TORN]}
    memory, halves, added = (
        probabilities(step(ConfidenceGainReleasedDecoder(reliance=a), **rows))[0]
        for a in (1.0, 0.5, 0.0)
    )
    roots = [math.sqrt(0.4), math.sqrt(0.6)]
    assert memory == pytest.approx([0.9, 0.1], abs=1e-6)
    assert halves == pytest.approx([r / sum(roots) for r in roots], abs=1e-6)
    ratios = [0.4 / 0.9, 0.6 / 0.1]
    assert added == pytest.approx([r / sum(ratios) for r in ratios], abs=1e-6)


def test_without_a_setting_the_released_weights():
    h, h_c = spread(0.9, 0.1), spread(0.4, 0.6)
    nu = 1 + (h_c - h) / (h_c + h)
    on_memory, on_added = 2 * h_c / (h_c + h * nu), 2 * h / (h_c + h * nu)
    out = step(ConfidenceGainReleasedDecoder(), closed=[SURE], context=[TORN])
    yes = 0.9**on_memory * (0.4 / 0.9) ** on_added
    no = 0.1**on_memory * (0.6 / 0.1) ** on_added
    assert probabilities(out)[0] == pytest.approx([yes / (yes + no), no / (yes + no)], abs=1e-5)
    assert out.alpha.item() == pytest.approx(h / (h + h_c), abs=1e-6)


def test_every_step_is_restricted_to_the_heads():
    p, c = logits(0.4, 0.5, 0.004, 0.096), logits(0.98, 0.01, 0.006, 0.004)
    decoder = ConfidenceGainReleasedDecoder(head_tokens=1, head_share=0.05)
    # heads: above 0.05 * 0.5 = 0.025 all but the third; above 0.049 the first
    out = step(decoder, closed=[p], context=[c])
    assert out.alpha.tolist() == [1.0]  # no conflict, and yet
    assert [score == NEVER for score in out.scores[0].tolist()] == [False, False, True, False]


def test_entropies_are_of_what_is_left():
    # Left are two tokens in both: H(p) is 0.673 of (0.4, 0.6), H(p^c) 0.325 of (0.9, 0.1), and
    # 0.673 > 2 * 0.325. With the third token p^c would be unsure enough for a conflict.
    p, c = logits(0.4, 0.6, 0.0), logits(0.9 * 0.92, 0.1 * 0.92, 0.08)
    assert spread(0.4, 0.6) < 2 * spread(0.9 * 0.92, 0.1 * 0.92, 0.08)
    decoder = ConfidenceGainReleasedDecoder(head_tokens=1, head_share=0.1)
    out = step(decoder, closed=[p], context=[c])
    assert out.alpha.tolist() == [1.0]
    assert probabilities(out)[0] == pytest.approx([0.9, 0.1, 0.0], abs=1e-6)


@given(ROW, ROW)
def test_without_a_setting_it_says_what_the_papers_weights_say(closed, context):
    """The weights stand to each other alike, so that the order of the tokens is the same."""
    out = step(ConfidenceGainReleasedDecoder(), closed=[closed], context=[context])
    share = out.alpha.item()
    fixed = ConfidenceGainReleasedDecoder(reliance=1 - share)
    same = step(fixed, closed=[closed], context=[context])
    assert same.scores[0, out.scores.argmax()].item() == pytest.approx(
        same.scores.max().item(), abs=1e-3
    )


def test_passages_that_are_not_trusted_are_not_amplified():
    for decoder in (ConfidenceGainReleasedDecoder(reliance=0.0), ConfidenceGainReleasedDecoder()):
        # H(p) > H(p^c) gives the passages more than half where nothing is set
        rows = {"closed": [logits(0.5, 0.5)], "context": [logits(0.3, 0.7)]}
        free = step(decoder, **rows)
        held = step(decoder, facts=[Facts(trust=0.0)], **rows)
        assert free.alpha.item() > 0.5 == held.alpha.item()
        assert held.scores.argmax().item() == 1


@pytest.mark.parametrize("options", [{"reliance": 2}, {"head_tokens": 0}, {"head_share": 1.5}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        ConfidenceGainReleasedDecoder(**options)
