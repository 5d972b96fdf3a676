"""Experts on the command line: listed, shown, and asked by name."""

from __future__ import annotations

import json

import pytest
import torch
from little_house import assert_documented
from safetensors.torch import save_file

from rag_router.models.low_rank import CONFIG, WEIGHTS

VALVE = "How often is the Larkspur valve calibrated?"


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """An adapter for the first layer's queries of the tiny model, in PEFT's layout."""
    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(3)
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    weights = {f"{layer}.lora_A.weight": torch.randn(2, 16)}
    save_file(weights | {f"{layer}.lora_B.weight": torch.randn(16, 2)}, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 8}))
    return folder


@pytest.fixture
def config(tmp_path, tiny, adapter, embedder):
    path = tmp_path / "experts.toml"
    path.write_text(
        f'[embedder]\nmodel = "{embedder}"\n[gate]\nname = "confidence"\n'
        f'[[experts]]\nname = "plain"\nmodel = "{tiny}"\nabout = "anything"\n'
        f'[[experts]]\nname = "law"\nmodel = "{tiny}"\nadapter = "{adapter}"\n'
        'tenants = ["court"]\nprice_prompt = 0.5\n'
        '[[experts]]\nname = "cloud"\nmodel = "large"\nurl = "https://host.example/v1"\n'
        '[expert_router]\nname = "best_single"\n'
    )
    return path


def test_all_experts_are_listed_and_nothing_is_loaded(run, config, tiny):
    done = run("expert", "list", "--config", config, "--json")
    plain, law, cloud = done.json["experts"]
    assert (plain["kind"], plain["model"], plain["about"]) == ("local", tiny, "anything")
    assert (law["kind"], law["tenants"], law["price_prompt"]) == ("adapter", ["court"], 0.5)
    # Matrices of rank 2 beside a layer that maps 16 to 16.
    assert law["parameters"] - plain["parameters"] == 2 * (16 + 16)
    assert plain["context_tokens"] == 4096
    assert "adapters" in plain["abilities"]
    assert (cloud["kind"], cloud["abilities"]) == ("remote", [])
    assert {one["state"] for one in done.json["experts"]} == {"not loaded"}


def test_people_are_shown_the_same(run, config):
    said = run("expert", "list", "--config", config).out
    assert "open to  court" in said
    assert "shows    its words alone" in said
    assert "price    0.5 read, 0 written" in said


def test_one_expert_is_shown_with_all_that_is_known_of_it(run, config):
    assert run("expert", "show", "law", "--config", config, "--json").json["tenants"] == ["court"]
    assert "open to" not in run("expert", "show", "plain", "--config", config).out
    err = run("expert", "show", "lav", "--config", config).refused(2)
    assert "Did you mean 'law'?" in err


def test_without_experts_the_generator_is_the_only_one(run, tiny, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_GENERATOR__MODEL", tiny)
    (only,) = run("expert", "list", "--json").json["experts"]
    assert (only["name"], only["kind"], only["state"]) == (tiny, "local", "not loaded")


def test_an_expert_whose_files_are_missing_is_listed_as_such(run, config, adapter):
    config.write_text(config.read_text().replace(str(adapter), "/nowhere/law"))
    _, law, _ = run("expert", "list", "--config", config, "--json").json["experts"]
    assert (law["state"], law["why"]) == ("missing", "there is no folder /nowhere/law")


def test_the_router_chooses_and_the_answer_tells(run, config):
    done = run("ask", VALVE, "--config", config, "--retrieval", "never", "--json")
    assert_documented({**done.json, "reason": "no_knowledge"})
    expert = done.json["route"]["expert"]
    # Nothing was learned, so the first of those that are open to everybody comes first.
    assert (expert["name"], expert["router"]) == ("plain", "best_single")
    assert [one["name"] for one in expert["candidates"]] == ["plain", "cloud"]
    said = run("ask", VALVE, "--config", config, "--retrieval", "never").out
    assert "experts: plain by best_single, of plain (number 1" in " ".join(said.split())


def test_an_expert_is_asked_by_name_by_those_who_may(run, config):
    asked = ("ask", VALVE, "--config", config, "--retrieval", "never", "--expert", "law")
    err = run(*asked).refused(2)
    assert "no expert named 'law'" in err
    done = run(*asked, "--tenant", "court", "--json")
    assert done.json["route"]["expert"] == {"name": "law", "score": 1.0}


def test_settings_of_experts_are_checked_before_anything_is_loaded(run, config):
    text = config.read_text()
    config.write_text(text.replace('name = "best_single"', 'name = "best_singel"'))
    assert "Did you mean 'best_single'?" in run("config", "check", config).refused(2)
    config.write_text(text.replace("price_prompt", "prise_prompt"))
    assert "Did you mean 'price_prompt'?" in run("config", "check", config).refused(2)
    config.write_text(text)
    assert run("config", "check", config, "--json").json["ok"]
