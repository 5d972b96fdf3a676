"""Experts that an evaluation names, by what the settings say of them."""

from __future__ import annotations

import pytest

from rag_router.cli.evaluate.named_experts import card_of, load_named, settings_for
from rag_router.errors import UsageError
from rag_router.experts import Expert
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import ScriptedModel
from rag_router.settings import Component, ExpertSettings, Settings

MODEL = ScriptedModel({}, name="small")
SETTINGS = Settings(
    experts=(
        ExpertSettings(
            name="law", model="small", gate=Component(name="never"), price_completion=2.0
        ),
        ExpertSettings(name="cloud", model="large", url="https://host.example/v1"),
    )
)


def expert(name):
    return Expert(name=name, model=MODEL, style=PromptStyle.of(MODEL))


def test_an_expert_has_its_own_gate_and_model_and_a_model_those_of_all():
    own = settings_for(SETTINGS, "law")
    assert (own.gate.name, own.generator.model) == ("never", "small")
    assert settings_for(SETTINGS, "gemma-3-270m") is SETTINGS


def test_its_card_has_the_price_that_the_settings_say():
    card = card_of(SETTINGS, expert("law"))
    assert (card.model, card.price_completion, card.kind) == ("small", 2.0, "local")
    assert card.parameters == MODEL.parameters
    assert card_of(SETTINGS, expert("other")).price_completion == 0


def test_an_expert_elsewhere_shows_no_knowledge_of_its_own():
    with pytest.raises(UsageError, match=r"'cloud' answers from https://host\.example/v1"):
        load_named(SETTINGS, "cloud")
