"""`gate`, `filter` and `decoder`: fit and show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from little_house import write_jsonl

from rag_router.artefacts import Artefact, Card
from rag_router.eval.labels import label
from rag_router.experts import Expert
from rag_router.models.causal import TransformersModel
from rag_router.models.prompts import PromptStyle
from rag_router.types import Question


@pytest.fixture(autouse=True)
def one_batch(monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_GENERATOR__BATCH_SIZE", "60")


@pytest.fixture
def data(tmp_path):
    return write_jsonl(
        tmp_path / "questions.jsonl",
        [{"id": f"q{n}", "question": f"What is item {n}?", "answers": ["gold"]} for n in range(60)],
    )


@pytest.fixture(scope="module")
def half_right(tiny, tmp_path_factory):
    """Sixty questions whose gold answer is, for every other one, what the tiny model says."""
    model = TransformersModel.load(Path(tiny.removeprefix("path:")), name="tiny", fingerprint="t")
    expert = Expert(name="tiny", model=model, style=PromptStyle.of(model))
    questions = [Question(id=f"q{n}", text=f"What is item {n}?") for n in range(60)]
    said = [one.outcome.answer for one in label(expert, questions, batch_size=60)]
    return write_jsonl(
        tmp_path_factory.mktemp("data") / "half.jsonl",
        [
            {"id": q.id, "question": q.text, "answers": [answer if n % 2 else "gold"]}
            for n, (q, answer) in enumerate(zip(questions, said, strict=True))
        ],
    )


def test_a_gate_is_fitted_shown_and_then_used(run, tiny, half_right, tmp_path):
    out = tmp_path / "fitted" / "gate"
    done = run(
        *("gate", "fit", "confidence", "--data", half_right, "--model", tiny, "--out", out),
        *("--goal", "budget=0.4", "--json"),
    )
    assert done.code == 0, done.err
    card = done.json
    assert (card["path"], card["method"], card["model"]) == (str(out), "gate/confidence", tiny)
    assert (card["threshold_goal"], card["metrics"]["n"]) == (
        "budget=0.4",
        card["notes"]["held_out"],
    )
    assert run("gate", "show", out, "--json").json == card
    assert f"model               {tiny}\n" in run("gate", "show", out).out

    settings = tmp_path / "a.toml"
    settings.write_text(f'[gate]\nname = "confidence"\nartefact = "{out}"\n')
    fitted = run("ask", "What is item 1?", "--expert", tiny, "--config", settings, "--json").json
    assert not any(note["stage"] == "gate" for note in fitted["degraded"])
    assert fitted["knowledge"]["threshold"] == card["threshold"]
    bare = run("ask", "What is item 1?", "--expert", tiny, "--json").json
    assert any("not fitted" in note["what"] for note in bare["degraded"])

    # Fitting again from the outcome cache, under settings that name the old artefact.
    again = run(
        *("gate", "fit", "confidence", "--data", half_right, "--model", tiny, "--out", out),
        *("--goal", "budget=0.4", "--config", settings, "--json"),
    )
    assert again.json == card


def test_answers_of_one_kind_alone_are_a_data_error(run, tiny, data, tmp_path):
    fit = ("gate", "fit", "confidence", "--data", data, "--model", tiny, "--out", tmp_path / "out")
    assert "9 labelled questions are too few" in run(*fit, "--limit", 9).refused(3)
    assert "both classes; saw 0 right" in run(*fit).refused(3)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["gate", "fit", "confidense"], 2, "no gate named 'confidense'"),
        (["gate", "fit", "always"], 2, "the gate 'always' has nothing to fit"),
        (["gate", "fit", "confidence", "--goal", "best"], 2, "no goal is called 'best'"),
        (["filter", "fit", "budgt", "--index", "a"], 2, "no filter named 'budgt'"),
        (["filter", "fit", "budget", "--index", "a"], 2, "the filter 'budget' has nothing to fit"),
        (["filter", "fit", "threshold", "--index", "a"], 4, "all-minilm-l6-v2"),
        (["filter", "fit", "sufficiency", "--index", "a"], 4, "all-minilm-l6-v2"),
        (["decoder", "fit", "plian", "--index", "a"], 2, "no decoder named 'plian'"),
        (["decoder", "fit", "plain", "--index", "a"], 2, "no index named 'a'"),
        (["decoder", "fit-auto", "--index", "a"], 2, "no index named 'a'"),
    ],
)
def test_what_cannot_be_fitted_says_so_before_anything_is_loaded(
    run, data, tmp_path, command, code, said
):
    assert said in run(*command, "--data", data, "--out", tmp_path / "out").refused(code)


@pytest.mark.parametrize(
    "command",
    [
        ["gate", "fit", "confidence"],
        ["filter", "fit", "threshold", "--index", "a"],
        ["filter", "fit", "sufficiency", "--index", "a"],
        ["decoder", "fit", "plain", "--index", "a"],
        ["decoder", "fit-auto", "--index", "a"],
    ],
)
def test_questions_that_cannot_be_read_are_a_data_error(run, tmp_path, command):
    (tmp_path / "bad.jsonl").write_text("{}\n")
    for name, said in (("none.jsonl", "none.jsonl"), ("bad.jsonl", "bad.jsonl:1")):
        arguments = [*command, "--data", tmp_path / name, "--out", tmp_path / "out"]
        assert said in run(*arguments).refused(3)


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        # Whoever lacks a model or an index has read the questions.
        (["gate", "fit", "confidence"], 4, "gemma-3-270m"),
        (["filter", "fit", "threshold", "--index", "a"], 4, "all-minilm-l6-v2"),
        (["filter", "fit", "sufficiency", "--index", "a"], 4, "all-minilm-l6-v2"),
        (["decoder", "fit", "plain", "--index", "a"], 2, "no index named 'a'"),
        (["decoder", "fit-auto", "--index", "a"], 2, "no index named 'a'"),
    ],
)
def test_every_fit_reads_folders_of_sets_in_any_layout(run, data, tmp_path, command, code, said):
    folder = tmp_path / "sets"
    folder.mkdir()
    data.rename(folder / "ours.jsonl")
    theirs = {"id": "n1", "question": "who?", "golden_answers": ["x"]}
    write_jsonl(folder / "theirs.jsonl", [theirs])
    asked = (*command, "--out", tmp_path / "out", "--data")
    assert said in run(*asked, folder).refused(code)
    assert "no cannot be read" in run(*asked, tmp_path / "no").refused(3)
    # Where the library for it is installed, it is the set that is not there.
    assert "hf:no" in run(*asked, "hf:no").err


@pytest.mark.parametrize(
    "command",
    [
        ["gate", "fit", "confidence"],
        ["filter", "fit", "threshold", "--index", "a"],
        ["filter", "fit", "sufficiency", "--index", "a"],
        ["decoder", "fit", "plain", "--index", "a"],
        ["decoder", "fit-auto", "--index", "a"],
    ],
)
def test_a_folder_of_something_else_is_not_written_over(run, data, tmp_path, command):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    said = run(*command, "--data", data, "--out", tmp_path / "full").refused(4)
    assert "exists and is not an artefact" in said


@pytest.mark.parametrize("kind", ["gate", "filter", "decoder"])
def test_showing_what_is_no_artefact_is_an_error_that_says_so(run, tmp_path, kind):
    assert "not a readable artefact" in run(kind, "show", tmp_path / "none").refused(4)


def test_a_card_is_shown_alike_by_all_three(run, tmp_path):
    card = Card(method="gate/confidence", model="m", model_fingerprint="f", threshold=0.5)
    artefact = Artefact(card=card, weights={"curve": np.array([1.0, 2.0])})
    artefact.save(tmp_path / "gate")
    cards = [
        run(k, "show", tmp_path / "gate", "--json").json for k in ("gate", "filter", "decoder")
    ]
    assert cards[0] == cards[1] == cards[2]
    assert (cards[0]["threshold"], len(cards[0]["weights_sha256"])) == (0.5, 64)
