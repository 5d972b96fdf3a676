from __future__ import annotations

import math

import pytest
import torch
from stepping import NEVER, logits, probabilities

from rag_router.decoders.layer_fused import LayerFusedDecoder, least_internal
from rag_router.models.distributions import divergence
from rag_router.models.layers import LayerStates
from rag_router.models.streams import Facts, StepInput, layers_of


def shown(*layers):
    """Layers of one row, each as probabilities before and after its feed-forward network."""
    before = torch.tensor([[logits(*one) for one, _ in layers]])
    after = torch.tensor([[logits(*one) for _, one in layers]])
    return LayerStates(before, after, head=lambda states: states)


def fused(last, *layers, **options):
    given = StepInput(
        {"context": torch.tensor([logits(*last)])}, [Facts()], [None], {"context": shown(*layers)}
    )
    return LayerFusedDecoder(**options).step(given)


MOVED = ((0.9, 0.1), (0.1, 0.9))
"""A layer whose network turns everything round: it knows a lot by itself."""


def test_it_reads_one_stream_and_its_layers():
    decoder = LayerFusedDecoder()
    assert (decoder.streams, layers_of(decoder)) == (("context",), ("context",))


def test_two_tokens_by_hand():
    # The second layer's network changes nothing, IKS 0; the first one's everything. Fused is
    # (0.6 * 0.2, 0.4 * 0.8) = (0.12, 0.32), up to a constant.
    out = fused((0.6, 0.4), MOVED, ((0.2, 0.8), (0.2, 0.8)))
    assert probabilities(out)[0] == pytest.approx([0.12 / 0.44, 0.32 / 0.44], abs=1e-6)
    assert out.alpha is None


def test_the_score_of_a_layer_is_how_far_its_network_moves_the_prediction():
    # JSD of (1, 0) and (1/2, 1/2): M = (3/4, 1/4), H(M) - (0 + ln 2) / 2
    first = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) - math.log(2) / 2
    # JSD of (1, 0) and (3/4, 1/4): M = (7/8, 1/8), H(M) - (0 + H(3/4, 1/4)) / 2
    second = -(0.875 * math.log(0.875) + 0.125 * math.log(0.125))
    second += (0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / 2
    assert first == pytest.approx(0.2158, abs=1e-4)
    assert second == pytest.approx(0.0956, abs=1e-4)
    layers = shown(((1, 0), (0.5, 0.5)), ((1, 0), (0.75, 0.25)))
    assert torch.softmax(least_internal(layers), -1).tolist() == [pytest.approx([0.75, 0.25])]
    layers = shown(((1, 0), (0.75, 0.25)), ((1, 0), (0.5, 0.5)))
    assert torch.softmax(least_internal(layers), -1).tolist() == [pytest.approx([0.75, 0.25])]


def test_each_row_has_a_layer_of_its_own():
    still = ((0.2, 0.8), (0.2, 0.8))
    one, other = shown(MOVED, still), shown(still, MOVED)
    both = LayerStates.join([one, other])
    assert torch.equal(
        least_internal(both), torch.cat([least_internal(one), least_internal(other)])
    )
    assert torch.equal(least_internal(both.select([1])), least_internal(other))


def test_of_layers_that_know_equally_much_the_lowest_is_taken():
    # Both networks move nothing, whatever rounding makes of that.
    layers = shown(((0.3, 0.7), (0.3, 0.7)), ((0.6, 0.4), (0.6, 0.4)))
    assert torch.softmax(least_internal(layers), -1).tolist() == [pytest.approx([0.3, 0.7])]


def test_tokens_that_the_model_holds_unlikely_are_never_said():
    # 0.05 is less than a tenth of 0.7, 0.08 is not; the layer wants the first of them.
    last, layer = (0.7, 0.17, 0.05, 0.08), ((0.1, 0.1, 0.7, 0.1), (0.1, 0.1, 0.7, 0.1))
    out = fused(last, layer)
    assert out.scores[0, 2] == NEVER
    # 0.7 * 0.1, 0.17 * 0.1 and 0.08 * 0.1: the layer has the same to say of all three.
    assert probabilities(out)[0] == pytest.approx([0.7 / 0.95, 0.17 / 0.95, 0.0, 0.08 / 0.95])
    # It is more than a twentieth: 0.07, 0.017, 0.05 * 0.7 and 0.008 add up to 0.13.
    out = fused(last, layer, plausible=0.05)
    assert probabilities(out)[0][2] == pytest.approx(0.035 / 0.13)


def test_a_layer_may_turn_the_answer():
    # 0.5 * 0.2 = 0.10 against 0.4 * 0.7 = 0.28
    out = fused((0.5, 0.4, 0.1), ((0.2, 0.7, 0.1), (0.2, 0.7, 0.1)))
    assert out.scores[0].argmax() == 1


def test_where_only_the_likeliest_is_plausible_the_model_has_its_way():
    out = fused((0.5, 0.4, 0.1), ((0.2, 0.7, 0.1), (0.2, 0.7, 0.1)), plausible=1.0)
    assert probabilities(out)[0] == pytest.approx([1.0, 0.0, 0.0])


def test_what_a_layer_rules_out_can_still_be_said():
    out = fused((1.0, 0.0), ((0.0, 1.0), (0.0, 1.0)))
    assert probabilities(out)[0] == [1.0, 0.0]


@pytest.mark.parametrize("plausible", [0.0, -0.1, 1.1, float("nan")])
def test_an_impossible_share_is_refused(plausible):
    with pytest.raises(ValueError, match="plausible"):
        LayerFusedDecoder(plausible=plausible)


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_how_many_distributions_are_held_at_once_makes_no_difference(rows):
    draw = torch.Generator().manual_seed(rows)
    before, after = torch.randn((2, rows, 5, 7), generator=draw) * 3
    layers = LayerStates(before, after, head=lambda states: states)
    alone = [least_internal(layers.select([row])) for row in range(rows)]
    assert torch.equal(least_internal(layers), torch.cat(alone))
    scores = divergence(before, after)
    assert torch.equal(torch.cat(alone), after[torch.arange(rows), scores.argmin(dim=1)])
