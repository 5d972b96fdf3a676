from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import rag_router.fitted
from rag_router.artefacts import Artefact, Card
from rag_router.assembly import REGISTRIES
from rag_router.errors import ArtefactError
from rag_router.fitted import shipped

SHIPPED = sorted(p for p in Path(rag_router.fitted.__file__).parent.iterdir() if "--" in p.name)


@pytest.fixture
def named(tmp_path):
    card = Card(method="gate/confidence", model="mine", model_fingerprint="a" * 64, prompt_hash="p")
    Artefact(card=card, weights={"curve": np.array([1.0, 2.0, 3.0])}).save(tmp_path / "gate")
    return tmp_path / "gate"


def test_nothing_is_shipped_for_a_model_that_nobody_knows():
    assert shipped("gate", "confidence", "0" * 64) is None
    assert shipped("gate", "never", "0" * 64) is None


def test_an_artefact_that_somebody_names_is_taken(named):
    found = shipped("gate", "confidence", "a" * 64, named=named, prompt_hash="p")
    assert found is not None
    assert found.weights["curve"].tolist() == [1, 2, 3]
    assert shipped("gate", "confidence", "a" * 64, named=named) is not None


@pytest.mark.parametrize(
    ("kind", "component", "model", "prompt", "said"),
    [
        ("gate", "confidence", "b" * 64, "p", "the model in use is bbbbbbbbbbbb"),
        ("gate", "confidence", "a" * 64, "q", "the prompt in use is q"),
        ("decoder", "plain", "a" * 64, "p", "fitted for gate/confidence, not for decoder/plain"),
    ],
)
def test_a_named_artefact_must_fit(named, kind, component, model, prompt, said):
    with pytest.raises(ArtefactError, match=said):
        shipped(kind, component, model, named=named, prompt_hash=prompt)


def test_a_named_artefact_must_be_there(tmp_path):
    with pytest.raises(ArtefactError, match="not a readable artefact"):
        shipped("gate", "confidence", "a" * 64, named=tmp_path / "none")


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_what_is_shipped_is_whole_and_found_under_its_name(folder):
    kind, component, _ = folder.name.split("--")
    assert component in (["joint"] if kind == "policy" else REGISTRIES[kind])
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert card["method"] == f"{kind}/{component}"
    figures = card["metrics"]
    if card["method"] == "decoder/auto":
        # What it learned keeps what memory knows better than reading passages as they are.
        assert figures["irrelevant_p_know_support_known"] > figures["irrelevant_passages"]
    else:
        assert figures["auroc"] > 0.5
    prompt = card["prompt_hash"] or None
    found = shipped(kind, component, card["model_fingerprint"], prompt_hash=prompt)
    assert found is not None
    assert found.card.model == card["model"]
    if prompt:
        assert shipped(kind, component, card["model_fingerprint"], prompt_hash="other") is None
