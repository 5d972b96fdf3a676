from __future__ import annotations

import math

import pytest
import torch
from stepping import NEVER, logits, probabilities, step

from rag_router.decoders.confidence_gain import ConfidenceGainDecoder
from rag_router.models.streams import Facts

SURE, TORN = logits(0.9, 0.1), logits(0.4, 0.6)


def spread(*row):
    return -sum(p * math.log(p) for p in row if p)


def test_it_reads_both_streams():
    assert ConfidenceGainDecoder().streams == ("closed", "context")


@pytest.mark.parametrize("reliance", [None, 0.0, 0.5, 1.0])
def test_passages_that_make_surer_are_read_as_they_are(reliance):
    # CG = H(0.4, 0.6) - H(0.9, 0.1) = 0.673 - 0.325 > 0
    out = step(ConfidenceGainDecoder(reliance=reliance), closed=[TORN], context=[SURE])
    assert out.scores.tolist() == torch.tensor([SURE]).tolist()
    assert out.alpha.tolist() == [1.0]


def test_passages_that_change_nothing_are_no_conflict():
    out = step(ConfidenceGainDecoder(reliance=0.0), closed=[TORN], context=[TORN])
    assert probabilities(out)[0] == pytest.approx([0.4, 0.6], abs=1e-6)


def test_at_a_conflict_reliance_one_says_what_memory_says():
    out = step(ConfidenceGainDecoder(reliance=1.0), closed=[SURE], context=[TORN])
    assert probabilities(out)[0] == pytest.approx([0.9, 0.1], abs=1e-6)
    assert out.alpha.tolist() == [0.0]


def test_at_a_conflict_reliance_zero_says_only_what_the_passages_add():
    out = step(ConfidenceGainDecoder(reliance=0.0), closed=[SURE], context=[TORN])
    # p^c / p = 0.4 / 0.9 and 0.6 / 0.1
    yes, no = 0.4 / 0.9, 0.6 / 0.1
    assert probabilities(out)[0] == pytest.approx([yes / (yes + no), no / (yes + no)], abs=1e-6)
    assert out.alpha.tolist() == [1.0]


def test_at_a_conflict_reliance_one_half_is_the_passages_at_temperature_2():
    out = step(ConfidenceGainDecoder(reliance=0.5), closed=[SURE], context=[TORN])
    roots = [math.sqrt(0.4), math.sqrt(0.6)]
    assert probabilities(out)[0] == pytest.approx([r / sum(roots) for r in roots], abs=1e-6)


def test_without_a_setting_the_entropies_decide():
    out = step(ConfidenceGainDecoder(), closed=[SURE], context=[TORN])
    a = spread(0.4, 0.6) / (spread(0.9, 0.1) + spread(0.4, 0.6))
    assert out.alpha.item() == pytest.approx(1 - a, abs=1e-6)
    # F = a log p + (1 - a) (log p^c - log p)
    yes, no = 0.9**a * (0.4 / 0.9) ** (1 - a), 0.1**a * (0.6 / 0.1) ** (1 - a)
    assert probabilities(out)[0] == pytest.approx([yes / (yes + no), no / (yes + no)], abs=1e-6)


@pytest.mark.parametrize(("epsilon", "conflict"), [(-0.2, True), (-0.5, False)])
def test_epsilon_says_how_much_must_be_lost(epsilon, conflict):
    # CG = 0.325 - 0.673 = -0.348
    assert spread(0.9, 0.1) - spread(0.4, 0.6) == pytest.approx(-0.348, abs=1e-3)
    decoder = ConfidenceGainDecoder(reliance=1.0, epsilon=epsilon)
    out = step(decoder, closed=[SURE], context=[TORN])
    assert out.alpha.tolist() == [0.0 if conflict else 1.0]


def test_at_a_conflict_tokens_outside_of_both_heads_are_ruled_out():
    p, c = logits(0.9, 0.08, 0.015, 0.005), logits(0.3, 0.4, 0.003, 0.297)
    decoder = ConfidenceGainDecoder(reliance=0.0, head_tokens=1, head_share=0.05)
    # heads: above 0.05 * 0.9 = 0.045 the first two; above 0.05 * 0.4 = 0.02 all but the third
    out = step(decoder, closed=[p], context=[c])
    assert [score == NEVER for score in out.scores[0].tolist()] == [False, False, True, False]
    # where there is no conflict the third token keeps its score
    out = step(decoder, closed=[c], context=[p])
    assert out.scores.tolist() == torch.tensor([p]).tolist()


def test_passages_that_are_not_trusted_are_not_amplified():
    decoder, facts = ConfidenceGainDecoder(reliance=0.0), [Facts(trust=0.0)]
    out = step(decoder, facts=facts, closed=[SURE], context=[TORN])
    assert out.alpha.tolist() == [0.5]
    assert out.scores.argmax().item() == 1
    roots = [math.sqrt(0.4), math.sqrt(0.6)]
    assert probabilities(out)[0] == pytest.approx([r / sum(roots) for r in roots], abs=1e-6)


@pytest.mark.parametrize(
    "options",
    [{"reliance": 1.1}, {"reliance": -0.1}, {"epsilon": 16}, {"head_tokens": 0}, {"head_share": 0}],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        ConfidenceGainDecoder(**options)
