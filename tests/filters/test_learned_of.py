from __future__ import annotations

from dataclasses import dataclass

import pytest
from test_cross_encoder import saved

from rag_router.experts import Expert
from rag_router.filters import FILTERS
from rag_router.filters.equipment import equipped
from rag_router.filters.learned_of import bound_to, owner_of
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import ScriptedModel
from rag_router.models.scripted_embedder import HashingEmbedder

MODEL = ScriptedModel({})
EXPERT = Expert(name="scripted", model=MODEL, style=PromptStyle())


@dataclass(frozen=True)
class Plain:
    """A filter that says nothing of whose figures it reads."""


def test_what_says_nothing_reads_the_embedder():
    embedder = HashingEmbedder()
    assert owner_of(Plain()) == owner_of(FILTERS.build("threshold")) == "embedder"
    prints = bound_to(Plain(), embedder, EXPERT)
    assert (prints.model, prints.prompt) == (embedder.fingerprint, None)
    assert bound_to(Plain(), None, EXPERT) is None


@pytest.mark.parametrize("name", ["notes", "filco", "self_information", "representation"])
def test_what_asks_the_generator_is_bound_to_it_and_its_prompt(name):
    prints = bound_to(FILTERS.build(name), None, EXPERT)
    assert prints.model == MODEL.fingerprint
    assert prints.prompt == PromptStyle().contextual_fingerprint
    assert bound_to(FILTERS.build(name), HashingEmbedder(), None) is None


def test_what_asks_a_model_of_its_own_is_bound_to_that(tmp_path):
    local = saved(tmp_path)
    bare = FILTERS.build("cross_encoder", model=f"path:{tmp_path}")
    assert bound_to(bare, HashingEmbedder(), EXPERT) is None
    prints = bound_to(equipped(bare, lambda name: local), None, None)
    assert (prints.model, prints.prompt) == (local.fingerprint, None)
    assert prints.name == f"path:{tmp_path}"
