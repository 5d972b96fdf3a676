"""`expert fit`: trained, resumed, published whole, and refused where it makes no sense."""

from __future__ import annotations

import json

import pytest
from little_house import write_jsonl

FAST = ("--epochs", 2, "--batch-size", 8, "--held-limit", 6, "--learning-rate", 0.01)


@pytest.fixture(autouse=True)
def one_batch(monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_GENERATOR__BATCH_SIZE", "60")


@pytest.fixture
def data(tmp_path):
    return write_jsonl(
        tmp_path / "questions.jsonl",
        [{"id": f"q{n}", "question": f"What is item {n}?", "answers": ["ab"]} for n in range(60)],
    )


def test_an_adapter_is_trained_and_its_card_tells_what_it_brings(run, tiny, data, tmp_path):
    out = tmp_path / "field"
    done = run(
        "expert", "fit", "field", "--data", data, "--base", tiny, "--out", out, *FAST, "--json"
    )
    assert done.code == 0, done.err
    card = done.json
    assert (card["path"], card["method"], card["model"]) == (str(out), "adapter", tiny)
    assert (card["metrics"]["n"], card["notes"]["expert"]) == (6, "field")
    assert card["metrics"]["loss"] <= card["metrics"]["loss_base"]
    gain = card["metrics"]["accuracy"] - card["metrics"]["accuracy_base"]
    assert card["metrics"]["gain"] == pytest.approx(gain, abs=1e-3)
    assert {path.name for path in out.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "card.json",
    }
    written = json.loads((out / "card.json").read_text())
    assert written == {key: value for key, value in card.items() if key != "path"}
    assert [path.name for path in tmp_path.glob(".field*")] == []


def test_a_folder_that_is_not_empty_is_refused_before_anything_is_loaded(run, data, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("")
    fit = ("expert", "fit", "field", "--data", data, "--out", tmp_path / "out")
    assert "is not empty" in run(*fit).refused(4)


def test_a_training_is_gone_on_with_only_over_the_same_model_and_data(run, tiny, data, tmp_path):
    from rag_router.models.adapter_checkpoints import Checkpoint, save_checkpoint

    work = tmp_path / ".out-training"
    save_checkpoint(
        work, Checkpoint(step=1, identity={"base model": "a" * 64}, state={}, tensors={})
    )
    fit = ("expert", "fit", "field", "--data", data, "--base", tiny, "--out", tmp_path / "out")
    assert "begun with base model aaaaaaaaaaaa…" in run(*fit, *FAST).refused(4)
    assert run(*fit, *FAST, "--fresh").code == 0
    assert not work.exists()


@pytest.mark.parametrize(
    ("rows", "more", "code", "said"),
    [
        ([{"id": "a", "question": "who?"}], (), 3, "has an accepted answer"),
        ([{"id": "a", "question": "who?", "answers": ["x"]}], (), 3, "are too few"),
        (None, ("--answer-tokens", 1), 3, "an answer may have 1 tokens"),
        (None, ("--layers", "some"), 2, "'some' is not one of"),
        (None, ("--minutes", 0), 2, "0"),
    ],
)
def test_what_cannot_be_trained_on_says_so(run, tiny, data, tmp_path, rows, more, code, said):
    if rows is not None:
        write_jsonl(data, rows)
    fit = ("expert", "fit", "field", "--data", data, "--base", tiny, "--out", tmp_path / "out")
    assert said in run(*fit, *more).refused(code)
    assert not (tmp_path / "out").exists()
