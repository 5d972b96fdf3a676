from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from test_cross_encoder import saved

from rag_router.errors import ModelError
from rag_router.models.entailment import (
    Entailment,
    EntailmentModel,
    SequenceEntailmentModel,
    load_entailment_model,
)

LABELS = ("CONTRADICTION", "NEUTRAL", "ENTAILMENT")


def labelled(folder, *labels):
    """A tiny classifier whose outputs go by these names."""
    local = saved(folder, labels=len(labels))
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["id2label"] = {str(n): label for n, label in enumerate(labels)}
    config["label2id"] = {label: n for n, label in enumerate(labels)}
    path.write_text(json.dumps(config))
    return local


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_entailment_model(labelled(tmp_path_factory.mktemp("nli"), *LABELS), device="cpu")


PAIRS = [
    ("rome on the tiber", "rome"),
    ("the river tiber the river tiber the river tiber", "rome paris"),
    ("paris", "paris on the river"),
    ("", "rome"),
]


def test_pairs_are_judged_in_batches_as_they_are_alone(model):
    assert isinstance(model, EntailmentModel)
    together = model.judge(PAIRS * 10)
    assert together[:4] == [model.judge([pair])[0] for pair in PAIRS]
    assert together == together[:4] * 10
    assert model.judge([]) == []


def test_outputs_are_read_by_their_names_and_not_their_order(tmp_path):
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    one = load_entailment_model(labelled(folders[0], *LABELS), device="cpu").judge(PAIRS)
    other = load_entailment_model(
        labelled(folders[1], "entailment", "neutral", "contradiction"), device="cpu"
    ).judge(PAIRS)
    assert one == [Entailment(o.contradicts, o.entails, o.neutral) for o in other]


def test_a_model_with_two_outputs_has_no_neutral(tmp_path):
    local = labelled(tmp_path, "entailment", "not_entailment")
    assert all(o.neutral is None for o in load_entailment_model(local).judge(PAIRS))


def test_a_premise_that_is_too_long_is_cut_and_the_hypothesis_is_not(model):
    # [CLS] 12 tokens in all, of which the hypothesis and three marks take 1 + 3.
    long = model.judge([("rome tiber " * 50, "paris")])
    assert long == model.judge([("rome tiber " * 4, "paris")])
    assert long != model.judge([("rome tiber " * 50, "river")])
    assert len(model.judge([("rome", "river " * 500)])) == 1


@pytest.mark.parametrize("labels", [("LABEL_0", "LABEL_1", "LABEL_2"), ("good", "bad"), ("x",)])
def test_a_model_with_other_outputs_is_refused_by_name(tmp_path, labels):
    with pytest.raises(ModelError, match="not entailment and contradiction") as caught:
        load_entailment_model(labelled(tmp_path, *labels))
    assert labels[0] in str(caught.value)


def test_a_model_of_another_kind_is_refused(tmp_path):
    local = replace(labelled(tmp_path, *LABELS), kind="causal")
    with pytest.raises(ModelError, match="is a causal model"):
        load_entailment_model(local)


def test_a_broken_model_is_told(tmp_path):
    local = labelled(tmp_path, *LABELS)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_entailment_model(local)


def test_logits_are_those_of_the_network(model):
    assert isinstance(model, SequenceEntailmentModel)
    logits = model._logits([PAIRS[0]])
    found = model.judge([PAIRS[0]])[0]
    assert torch.allclose(
        logits[0], torch.tensor([found.contradicts, found.neutral, found.entails]), atol=1e-4
    )
