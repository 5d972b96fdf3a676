"""From settings to a pool: which weights are shared, and what each expert has of its own."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny import tiny_model
from tiny_embedder import write_tiny_embedder

from rag_router.assembly import assemble
from rag_router.errors import ArtefactError, ModelError, SettingsError
from rag_router.experts import Expert
from rag_router.experts.pool import Pool
from rag_router.models.low_rank import CONFIG, WEIGHTS
from rag_router.models.prompts import PromptStyle
from rag_router.orchestrator import PooledOrchestrator
from rag_router.pooling import (
    cards,
    check_service,
    load_service,
    members_of,
    require_service,
    settings_of,
    without_knob,
)
from rag_router.settings import Component, ExpertSettings, PoolSettings, Settings


def expert(name, **more):
    return ExpertSettings(name=name, model="gemma-3-270m", **more)


def test_an_expert_has_its_own_gate_and_decoder_and_else_the_common_ones():
    settings = Settings(gate=Component(name="always"), decoder=Component(name="plain"))
    own = settings_of(settings, expert("a", gate=Component(name="never")))
    assert (own.gate.name, own.decoder.name) == ("never", "plain")
    assert own.generator.model == "gemma-3-270m"
    assert settings_of(settings, expert("b")).gate.name == "always"


def test_the_settings_that_are_shown_to_readers_are_those_of_five_experts():
    text = (Path(__file__).parents[1] / "docs" / "experts.md").read_text(encoding="utf-8")
    shown = text.split("```toml\n", 1)[1].split("```", 1)[0]
    settings = Settings.model_validate(tomllib.loads(shown))
    check_service(settings)
    kinds = {one.name: one.kind for one in cards(settings)}
    assert kinds == {
        "general": "local",
        "chat": "local",
        "entities": "adapter",
        "medicine": "adapter",
        "cloud": "remote",
    }
    assert settings.experts[-1].remote.key_env == "CLOUD_API_KEY"


def test_experts_whose_decoder_has_no_knob_are_known_before_they_are_loaded():
    knob = Component(name="confidence_gain")
    settings = Settings(
        decoder=Component(name="plain"),
        experts=(
            expert("usual"),
            expert("own", decoder=knob),
            ExpertSettings(name="cloud", model="large", url="https://host.example/v1"),
        ),
    )
    assert without_knob(settings) == {"usual": "plain", "cloud": "plain"}
    # An endpoint shows its words alone, whatever the settings ask for.
    assert without_knob(settings.model_copy(update={"decoder": knob})) == {"cloud": "plain"}


def test_experts_of_one_model_lie_over_the_same_weights():
    settings = Settings(
        experts=(
            expert("plain"),
            expert("law", adapter="somewhere"),
            ExpertSettings(name="small", model="smollm2-135m-instruct"),
            ExpertSettings(name="cloud", model="large", url="https://host.example/v1"),
        )
    )
    members = {one.name: one for one in members_of(settings, lambda one, expert: None)}
    assert members["plain"].over == members["law"].over == "the weights of gemma-3-270m"
    assert members["small"].over == "the weights of smollm2-135m-instruct"
    assert members["cloud"].over is None
    pool = Pool(list(members.values()))
    assert [card.name for card in pool.cards] == ["plain", "law", "small", "cloud"]
    assert [card.kind for card in pool.cards] == ["local", "adapter", "local", "remote"]
    assert [card.name for card in cards(settings)] == ["plain", "law", "small", "cloud"]


def test_an_adapter_over_loaded_weights_answers_as_itself(tmp_path):
    torch.manual_seed(1)
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    weights = {f"{layer}.lora_A.weight": torch.randn(2, 32)}
    save_file(weights | {f"{layer}.lora_B.weight": torch.randn(32, 2)}, tmp_path / WEIGHTS)
    (tmp_path / CONFIG).write_text(json.dumps({"peft_type": "LORA", "lora_alpha": 4}))
    base = tiny_model("llama")
    loaded = Expert(name="base", model=base, style=PromptStyle.of(base))
    settings = Settings(experts=(expert("plain"), expert("law", adapter=tmp_path)))
    made = {one.name: one for one in members_of(settings, lambda _, expert: expert)}
    plain, law = made["plain"].load(loaded).value, made["law"].load(loaded)
    assert (plain.name, plain.model) == ("plain", base)
    assert (law.value.name, law.value.model.name, law.value.model.base) == ("law", "law", base)
    assert law.value.model.fingerprint != base.fingerprint
    # Rank 2, 32 in and 32 out, four bytes each.
    assert law.bytes == 2 * (32 + 32) * 4
    card = {"model_fingerprint": base.fingerprint, "prompt_hash": loaded.style.fingerprint}
    (tmp_path / "card.json").write_text(json.dumps(card))
    assert made["law"].load(loaded).value.name == "law"
    (tmp_path / "card.json").write_text(json.dumps(card | {"prompt_hash": "another prompt"}))
    ours = loaded.style.fingerprint[:12]
    with pytest.raises(ArtefactError, match=f"law was trained on the prompt another prom.*{ours}"):
        made["law"].load(loaded)


@pytest.fixture
def embedder(tmp_path):
    return f"path:{write_tiny_embedder(tmp_path / 'embedder')}"


def test_a_pool_is_made_only_where_there_are_experts(tmp_path, monkeypatch, embedder):
    monkeypatch.setenv("RAG_ROUTER_MODELS", str(tmp_path / "models"))
    settings = Settings(
        home=tmp_path / "home",
        experts=(expert("a"),),
        pool=PoolSettings(memory_mb=700),
    )
    settings = settings.model_copy(
        update={"embedder": settings.embedder.model_copy(update={"model": embedder})}
    )
    service = load_service(settings)
    assert isinstance(service, PooledOrchestrator)
    # No weights are there, and none were asked for yet.
    assert service.pool.states() == {"a": ("not loaded", "")}
    with pytest.raises(ModelError, match="the weights of gemma-3-270m cannot be loaded"):
        service.answer(["Who wrote Hamlet?"])
    assert service.pool.states()["a"][0] in {"failed", "not loaded"}
    with pytest.raises(ModelError, match="is not in"):
        load_service(settings.model_copy(update={"experts": ()}))


def test_what_cannot_be_preloaded_keeps_no_service_from_starting(
    tmp_path, monkeypatch, embedder, caplog
):
    monkeypatch.setenv("RAG_ROUTER_MODELS", str(tmp_path / "models"))
    settings = Settings(home=tmp_path / "home", experts=(expert("a", preload=True), expert("b")))
    settings = settings.model_copy(
        update={"embedder": settings.embedder.model_copy(update={"model": embedder})}
    )
    service = load_service(settings, ahead=True)
    assert isinstance(service, PooledOrchestrator)
    assert service.ahead
    said = [one.getMessage() for one in caplog.records if "preloaded" in one.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("a is not preloaded: the weights of gemma-3-270m cannot be loaded")
    # Who answers once preloads nothing.
    caplog.clear()
    assert not load_service(settings).ahead
    assert not caplog.records


def test_what_is_missing_is_named_before_a_service_starts(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_MODELS", str(tmp_path / "models"))
    settings = Settings(home=tmp_path / "home", experts=(expert("a"),))
    with pytest.raises(ModelError, match="gemma-3-270m is not in"):
        require_service(settings)


def test_what_experts_are_asked_for_is_checked_without_weights():
    check_service(Settings(experts=(expert("a"),)))
    with pytest.raises(SettingsError, match=r"cloud.* does not show|does not show"):
        check_service(
            Settings(
                experts=(
                    ExpertSettings(
                        name="cloud",
                        model="x",
                        url="https://host.example/v1",
                        gate=Component(name="p_ik"),
                    ),
                )
            )
        )


def test_what_is_shared_is_not_loaded_again():
    from little_house import scripted_expert

    from rag_router.assembly import Parts, shared_filters

    settings = Settings(gate=Component(name="confidence"))
    kept = shared_filters(settings, None)
    assert [one.name for one, _ in kept] == [one.name for one in settings.filters]
    parts = Parts(expert=scripted_expert({}), embedder=None, indexes={}, filters=kept)
    made = assemble(settings, parts)
    assert [one is there for one, (_, there) in zip(made.filters, kept, strict=True)] == [True] * 4
    plain = assemble(settings, replace(parts, filters=()))
    assert plain.filters == made.filters
