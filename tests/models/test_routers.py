"""Which experts a tiny mixture-of-experts model chooses, against a pass that uses no cache."""

from __future__ import annotations

import pytest
import torch
from tiny import plain_experts, prompt_of, tiny_model

from rag_router.models.scripted import Reply, ScriptedModel

# Kind, experts, chosen in each layer.
ROUTED = (("mixtral", 4, 2), ("olmoe", 6, 2))


@pytest.fixture(params=ROUTED, ids=lambda routed: routed[0])
def routed(request):
    return request.param


def test_every_layer_chooses_as_many_experts_as_it_is_configured_to(routed):
    kind, experts, chosen = routed
    read = tiny_model(kind).prefill([prompt_of(9), prompt_of(4)], hidden=True)
    assert read.experts.shape == (2, 4, experts)
    assert read.experts.dtype == torch.bool
    assert read.experts.sum(dim=-1).tolist() == [[chosen] * 4] * 2


def test_they_are_those_of_a_pass_without_padding_cache_or_company(routed):
    kind = routed[0]
    prompts = [prompt_of(length) for length in (2, 7, 30, 12)]
    read = tiny_model(kind).prefill(prompts, hidden=True)
    for row, prompt in enumerate(prompts):
        assert torch.equal(read.experts[row], plain_experts(kind, prompt))
    # Random routers do not send every prompt to the same experts.
    assert len({str(one.tolist()) for one in read.experts}) > 1


def test_they_are_the_same_behind_a_kept_prefix(routed):
    kind = routed[0]
    model = tiny_model(kind)
    head = prompt_of(20, seed=3)
    prompts = [[*head, *prompt_of(n, seed=n)[1:]] for n in (2, 40, 9)] + [prompt_of(13)]
    shared = [20, 20, 20, 0]
    for _ in ("missed", "found"):
        read = model.prefill(prompts, hidden=True, shared=shared)
        for row, prompt in enumerate(prompts):
            assert torch.equal(read.experts[row], plain_experts(kind, prompt))


def test_reading_the_routers_changes_no_logit(routed):
    model = tiny_model(routed[0])
    prompts = [prompt_of(9), prompt_of(31)]
    shown, silent = (model.prefill(prompts, hidden=hidden) for hidden in (True, False))
    assert silent.experts is None
    assert torch.allclose(shown.logits, silent.logits, atol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_a_model_without_routers_shows_none(kind):
    model = tiny_model(kind)
    assert "router_activations" not in model.abilities
    assert model.prefill([prompt_of(5)], hidden=True).experts is None


def test_a_scripted_model_chooses_the_expert_that_its_script_names():
    script = {"one": Reply("a", sureness=1.5), "six": Reply("b", sureness=6.0)}
    model = ScriptedModel(script, experts=4)
    assert "router_activations" in model.abilities
    read = model.prefill([model.encode("one"), model.encode("six")], hidden=True)
    # 1.5 is 1 and a bit; 6 counted round 4 experts is 2.
    assert read.experts.long().argmax(dim=-1).tolist() == [[1, 1], [2, 2]]
    assert read.experts.sum(dim=-1).tolist() == [[1, 1], [1, 1]]
    plain = ScriptedModel(script)
    assert "router_activations" not in plain.abilities
    assert plain.prefill([plain.encode("one")], hidden=True).experts is None
