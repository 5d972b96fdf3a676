"""Mixtures, products and shifts of next-token distributions, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import SettingsError
from rag_router.experts.fusion import FUSIONS, TokenFusion, Voices
from rag_router.experts.fusion.logits_fusion import LogitsFusion
from rag_router.experts.fusion.mixture import MixtureFusion, mixed
from rag_router.experts.fusion.product import ProductFusion, multiplied
from rag_router.experts.fusion.strength import change, strength_of_change

NEVER = -math.inf


def rows(*lines):
    return torch.tensor(lines, dtype=torch.float32)


def logs(*lines):
    return rows(*lines).log()


def voices(weights, **logits):
    return Voices(logits, rows(*weights))


def probabilities(scores):
    return torch.softmax(scores, dim=-1)


def test_a_mixture_adds_up_probabilities_by_their_weights():
    # 3/4 of (0.8, 0.2) and 1/4 of (0.4, 0.6): 0.6 + 0.1 = 0.7 and 0.15 + 0.15 = 0.3.
    scores = mixed([logs([0.8, 0.2]), logs([0.4, 0.6])], rows([0.75, 0.25]))
    assert torch.allclose(scores.exp(), rows([0.7, 0.3]))


def test_a_product_multiplies_powers_of_probabilities():
    # sqrt(0.8 * 0.2) = 0.4 and sqrt(0.2 * 0.8) = 0.4; the third is sqrt(0.1 * 0.1), before scaling.
    scores = multiplied([logs([0.8, 0.2]), logs([0.2, 0.8])], rows([0.5, 0.5]))
    assert torch.allclose(probabilities(scores), rows([0.5, 0.5]))
    # 0.9^(1/2) 0.4^(1/2) = 0.6 and 0.1^(1/2) 0.6^(1/2) = 0.24495: 0.71010 of the sum 0.84495.
    scores = multiplied([logs([0.9, 0.1]), logs([0.4, 0.6])], rows([0.5, 0.5]))
    assert probabilities(scores)[0, 0].item() == pytest.approx(0.6 / (0.6 + math.sqrt(0.06)))


def test_an_expert_who_does_not_know_flattens_a_mixture_and_has_no_say_in_a_product():
    knows, does_not = logs([0.9, 0.05, 0.05]), logs([1 / 3, 1 / 3, 1 / 3])
    even = rows([0.5, 0.5])
    mixture = probabilities(mixed([knows, does_not], even))
    product = probabilities(multiplied([knows, does_not], even))
    assert mixture[0, 0].item() == pytest.approx((0.9 + 1 / 3) / 2)
    # sqrt(0.9) against twice sqrt(0.05).
    assert product[0, 0].item() == pytest.approx(
        math.sqrt(0.9) / (math.sqrt(0.9) + 2 * math.sqrt(0.05))
    )


def test_what_one_expert_rules_out_is_out_of_a_product_and_stays_in_a_mixture():
    some, all_ = rows([0.0, NEVER]), logs([0.5, 0.5])
    even = rows([0.5, 0.5])
    assert multiplied([some, all_], even)[0, 1].item() == NEVER
    # Half of 1 and half of 1/2; half of nothing and half of 1/2.
    assert torch.allclose(mixed([some, all_], even).exp(), rows([0.75, 0.25]))


def test_an_expert_that_weighs_nothing_says_nothing_even_of_what_it_rules_out():
    heard, unheard = logs([0.3, 0.7]), rows([0.0, NEVER])
    for fuse in (mixed, multiplied):
        assert torch.allclose(
            probabilities(fuse([heard, unheard], rows([1.0, 0.0]))), rows([0.3, 0.7])
        )


def test_each_row_has_weights_of_its_own_which_the_trace_holds():
    first, second = logs([0.9, 0.1], [0.9, 0.1]), logs([0.2, 0.8], [0.2, 0.8])
    said = voices([[1.0, 0.0], [0.0, 1.0]], a=first, b=second)
    for fusion in (MixtureFusion(), ProductFusion()):
        fused = fusion.fuse(said)
        assert torch.allclose(probabilities(fused.scores), rows([0.9, 0.1], [0.2, 0.8]))
        assert {name: share.tolist() for name, share in fused.weights.items()} == {
            "a": [1.0, 0.0],
            "b": [0.0, 1.0],
        }


def test_the_change_between_two_distributions_is_their_divergence_in_nats():
    # 1/2 ln(1/2 / 1/4) + 1/2 ln(1/2 / 3/4)
    wanted = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    assert change(logs([0.5, 0.5]), logs([0.25, 0.75])).item() == pytest.approx(wanted)


def test_the_strength_is_found_that_changes_as_much_as_is_wanted():
    start, direction = rows([0.0, 0.0]), rows([1.0, 0.0])
    # At s the odds are e^s: s = ln 3 gives (3/4, 1/4), and 3/4 ln(3/2) + 1/4 ln(1/2) nats.
    wanted = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    s = strength_of_change(start, direction, torch.tensor([wanted]), most=2.0)
    assert s.item() == pytest.approx(math.log(3), abs=1e-3)


def test_where_even_the_most_changes_too_little_it_goes_no_further():
    s = strength_of_change(rows([0.0, 0.0]), rows([0.1, 0.0]), torch.tensor([0.5]), most=2.0)
    assert s.item() == 2.0


def test_one_expert_added_to_its_own_base_speaks_for_itself():
    base, expert = logs([0.5, 0.3, 0.2]), logs([0.1, 0.1, 0.8])
    fused = LogitsFusion().fuse(voices([[0.5, 0.5]], base=base, expert=expert))
    assert torch.allclose(probabilities(fused.scores), rows([0.1, 0.1, 0.8]))
    assert {name: share.item() for name, share in fused.weights.items()} == {
        "base": 1.0,
        "expert": 1.0,
    }


def test_an_expert_that_changed_nothing_leaves_the_large_model_as_it_is():
    small, large = logs([0.5, 0.5]), logs([0.9, 0.1])
    fusion = LogitsFusion(base="small", large="large")
    fused = fusion.fuse(voices([[0.2, 0.3, 0.5]], small=small, large=large, expert=small.clone()))
    assert torch.allclose(probabilities(fused.scores), rows([0.9, 0.1]))


def test_the_large_model_changes_as_much_as_the_expert_changed_its_base():
    small, expert = logs([0.6, 0.3, 0.1]), logs([0.2, 0.3, 0.5])
    large = logs([0.8, 0.15, 0.05])
    fusion = LogitsFusion(base="small", large="large")
    fused = fusion.fuse(voices([[0.2, 0.3, 0.5]], small=small, large=large, expert=expert))
    assert change(fused.scores, large).item() == pytest.approx(
        change(expert, small).item(), rel=1e-3
    )


def test_of_two_experts_the_model_changes_by_their_average_in_the_proportion_of_their_weights():
    base, one, other = logs([0.4, 0.4, 0.2]), logs([0.7, 0.2, 0.1]), logs([0.3, 0.5, 0.2])
    said = voices([[0.2, 0.6, 0.2]], base=base, one=one, other=other)
    fused = LogitsFusion().fuse(said)
    # Of the experts alone the weights are 3/4 and 1/4.
    wanted = 0.75 * change(one, base) + 0.25 * change(other, base)
    assert change(fused.scores, base).item() == pytest.approx(wanted.item(), rel=1e-3)
    assert fused.weights["one"].item() == pytest.approx(3 * fused.weights["other"].item())


def test_without_any_weight_on_the_experts_the_large_model_speaks_alone():
    said = voices([[1.0, 0.0]], base=logs([0.7, 0.3]), expert=logs([0.1, 0.9]))
    fused = LogitsFusion().fuse(said)
    assert torch.allclose(probabilities(fused.scores), rows([0.7, 0.3]))
    assert fused.weights["expert"].item() == 0.0


@pytest.mark.parametrize("name", ["mixture", "product", "logits_fusion"])
def test_one_expert_alone_is_not_fused(name):
    fusion = FUSIONS.build(name)
    assert isinstance(fusion, TokenFusion)
    with pytest.raises(SettingsError, match="saw a"):
        fusion.check(["a"])


def test_logits_fusion_names_an_expert_that_is_not_there_and_asks_for_one_besides_the_bases():
    with pytest.raises(SettingsError, match=r"base = 'smal' is not among.*Did you mean 'small'"):
        LogitsFusion(base="smal").check(["small", "large"])
    with pytest.raises(SettingsError, match="there is no expert"):
        LogitsFusion(base="small", large="large").check(["small", "large"])


logit = st.floats(-20, 20, width=32)
line = st.lists(logit, min_size=5, max_size=5)
share = st.floats(0.01, 1.0)


@st.composite
def two_experts(draw):
    first, second = draw(line), draw(line)
    weight = draw(share)
    return rows(first), rows(second), rows([weight, 1 - weight])


@given(two_experts())
def test_a_mixture_lies_between_its_experts_token_by_token(said):
    first, second, weights = said
    mixture = mixed([first, second], weights).exp()
    p, q = probabilities(first), probabilities(second)
    assert mixture.sum().item() == pytest.approx(1.0, abs=1e-4)
    assert bool((mixture <= torch.maximum(p, q) + 1e-5).all())
    assert bool((mixture >= torch.minimum(p, q) - 1e-5).all())


@given(two_experts(), st.floats(-5, 5), st.floats(-5, 5))
def test_a_constant_added_to_an_expert_changes_no_fusion(said, shift, other):
    first, second, weights = said
    for fuse in (mixed, multiplied):
        before = probabilities(fuse([first, second], weights))
        after = probabilities(fuse([first + shift, second + other], weights))
        assert torch.allclose(before, after, atol=1e-4)


@given(line, share)
def test_experts_that_agree_say_together_what_each_says(said, weight):
    both, weights = rows(said), rows([weight, 1 - weight])
    for fuse in (mixed, multiplied):
        assert torch.allclose(
            probabilities(fuse([both, both.clone()], weights)), probabilities(both), atol=1e-5
        )


@given(line, line, line)
def test_the_change_is_the_wanted_one_or_the_strength_is_the_most(small, expert, large):
    small, expert, large = rows(small), rows(expert), rows(large)
    direction, wanted = expert - small, change(expert, small)
    s = strength_of_change(large, direction, wanted, most=2.0)
    reached = change(large + s[:, None] * direction, large).item()
    assert 0.0 <= s.item() <= 2.0
    if s.item() == 2.0:
        assert reached <= wanted.item() * 1.001 + 1e-4
    else:
        assert reached == pytest.approx(wanted.item(), rel=2e-3, abs=2e-4)


@given(st.lists(st.tuples(line, line, line), min_size=2, max_size=4))
def test_a_row_is_the_same_alone_and_in_company(some):
    small, expert, large = (rows(*lines) for lines in zip(*some, strict=True))
    weights = rows(*([[0.2, 0.5, 0.3]] * len(some)))
    for name in ("mixture", "product", "logits_fusion"):
        options = {"base": "a", "large": "c"} if name == "logits_fusion" else {}
        fusion = FUSIONS.build(name, **options)
        assert isinstance(fusion, TokenFusion)
        together = fusion.fuse(Voices({"a": small, "b": expert, "c": large}, weights)).scores
        for at in range(len(some)):
            one = slice(at, at + 1)
            alone = fusion.fuse(
                Voices({"a": small[one], "b": expert[one], "c": large[one]}, weights[one])
            ).scores
            assert torch.allclose(together[one], alone, atol=1e-4)
