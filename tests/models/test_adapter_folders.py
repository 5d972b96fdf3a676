"""An adapter on disk: whole, bound to its card, and readable by others."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from rag_router.artefacts import Card
from rag_router.errors import ArtefactError
from rag_router.models.adapter_folders import read_adapter_card, write_adapter

CARD = Card(method="adapter", model="tiny", model_fingerprint="f" * 64, metrics={"gain": 0.25})
WEIGHTS = {"base_model.model.q_proj.lora_A.weight": torch.tensor([[1.0, 2.0]])}
CONFIG = {"peft_type": "LORA", "r": 1, "target_modules": ["q_proj"]}


def test_a_written_adapter_is_read_back(tmp_path):
    folder = tmp_path / "deep" / "a"
    written = write_adapter(folder, CARD, WEIGHTS, CONFIG)
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "card.json",
    ]
    assert read_adapter_card(folder) == written
    assert (written.metrics, len(written.weights_sha256)) == ({"gain": 0.25}, 64)
    assert json.loads((folder / "adapter_config.json").read_text()) == CONFIG
    [(name, matrix)] = load_file(folder / "adapter_model.safetensors").items()
    assert (name, matrix.tolist()) == (next(iter(WEIGHTS)), [[1.0, 2.0]])
    # Nothing is left beside it.
    assert [path.name for path in folder.parent.iterdir()] == ["a"]


def test_what_stands_in_the_way_is_not_replaced(tmp_path):
    (tmp_path / "a.txt").write_text("mine")
    for there in (tmp_path, tmp_path / "a.txt"):
        with pytest.raises(ArtefactError, match="is not empty"):
            write_adapter(there, CARD, WEIGHTS, CONFIG)
    (tmp_path / "empty").mkdir()
    write_adapter(tmp_path / "empty", CARD, WEIGHTS, CONFIG)


def test_an_edited_or_foreign_adapter_is_refused(tmp_path):
    with pytest.raises(ArtefactError, match="not a readable adapter"):
        read_adapter_card(tmp_path)
    folder = tmp_path / "a"
    write_adapter(folder, CARD, WEIGHTS, CONFIG)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"method": "query_adapter"}))
    with pytest.raises(ArtefactError, match="holds query_adapter"):
        read_adapter_card(folder)
    (folder / "card.json").write_text(json.dumps(card))
    (folder / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(ArtefactError, match="not what the card says"):
        read_adapter_card(folder)
