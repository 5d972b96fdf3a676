"""`rag-router eval ...` from its arguments to what is printed, with random models that are real."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from documented_figures import CONFLICT, GATES, POLICIES, ROUTERS, assert_documented_figures
from little_house import write_jsonl

from rag_router.eval.labels import label
from rag_router.eval.report import read_report
from rag_router.experts import Expert
from rag_router.models.causal import TransformersModel
from rag_router.models.prompts import PromptStyle
from rag_router.types import Question

COMMANDS = ("answers", "conflict", "filters", "gates", "make-conflicts", "retrieval", "routing")
MEASURES = ("answers", "conflict", "filters", "gates", "routing")
FORTY = [Question(id=f"q{n}", text=f"What is item {n}?") for n in range(40)]


@pytest.fixture(autouse=True)
def one_batch(monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_GENERATOR__BATCH_SIZE", "40")
    monkeypatch.setenv("RAG_ROUTER_GATE__NAME", "confidence")


@pytest.fixture(scope="module")
def other(tiny, tmp_path_factory):
    """Another model of the same kind, which says something else."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("other") / "model"
    shutil.copytree(tiny.removeprefix("path:"), folder)
    torch.manual_seed(1)
    LlamaForCausalLM(LlamaConfig.from_pretrained(folder)).save_pretrained(folder)
    return f"path:{folder}"


@pytest.fixture(scope="module")
def said(tiny):
    """What the tiny model says from memory to each of the forty questions."""
    model = TransformersModel.load(Path(tiny.removeprefix("path:")), name="tiny", fingerprint="t")
    expert = Expert(name="tiny", model=model, style=PromptStyle.of(model))
    return [one.outcome.answer for one in label(expert, FORTY, batch_size=40)]


@pytest.fixture
def data(tmp_path, said):
    """Questions of which the tiny model knows every other one, each with a true passage."""
    (tmp_path / "set").mkdir()
    return write_jsonl(
        tmp_path / "set" / "questions.jsonl",
        [
            {
                "id": q.id,
                "question": q.text,
                "answers": [answer if n % 2 else f"gold {n}"],
                "contexts": [
                    {"id": f"t{n}", "text": f"Item {n} is gold {n}.", "kind": "original"},
                    {"id": f"f{n}", "text": f"Item {n} is tin {n}.", "kind": "counterfactual"},
                ],
                "meta": {"counterfactual_answers": [f"tin {n}"]},
            }
            for n, (q, answer) in enumerate(zip(FORTY, said, strict=True))
        ],
    )


@pytest.fixture
def indexed(run, monkeypatch, embedder, tmp_path):
    """An index of forty little documents."""
    monkeypatch.setenv("RAG_ROUTER_EMBEDDER__MODEL", embedder)
    rows = [{"id": f"d{n}", "title": "", "text": f"item {n} is a thing"} for n in range(40)]
    path = write_jsonl(tmp_path / "corpus.jsonl", rows)
    assert run("index", "add", "things", path, "--embedder", embedder).code == 0
    return "things"


def kept_rows(tmp_path):
    """How many answers and records the home keeps."""
    with sqlite3.connect(tmp_path / "home" / "outcomes.sqlite") as connection:
        found = [
            connection.execute(f"select count(*) from {table}").fetchone()[0]
            for table in ("outcomes", "records")
        ]
    connection.close()
    return found


# --- help ---------------------------------------------------------------------------------------


def test_every_evaluation_is_listed_and_says_what_it_is_for(run):
    listed = run("eval", "--help").out
    for name in COMMANDS:
        assert f"  {name}" in listed
        assert run("eval", name, "--help").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gats"], "Did you mean 'gates'?"),
        (["gates"], "--data"),
        (["routing", "--data", "x"], "--model"),
        (["gates", "--data", "x", "--limit", "0"], "0"),
        (["gates", "--data", "x", "--gate", "confidense"], "no gate named 'confidense'"),
        (["answers", "--data", "x", "--gate", "confidense"], "no gate named 'confidense'"),
        (["conflict", "--data", "x", "--strategy", "plian"], "no decoder named 'plian'"),
        (["filters", "--data", "x", "--filter", "budgt"], "no filter named 'budgt'"),
        (["routing", "--data", "x", "--model", "a"], "nobody to choose beside a"),
        (["routing", "--data", "x", "--model", "a", "--model", "a"], "Give --model twice"),
        (["gates", "--data", "x", "--config", "nope.toml"], "nope.toml"),
    ],
)
def test_what_makes_no_sense_exits_with_2_before_anything_is_read(run, arguments, said):
    assert said in run("eval", *arguments).refused(2)


def test_a_report_that_cannot_be_drawn_is_told_before_anything_is_read(tmp_path):
    program = (
        "import sys\n"
        "from rag_router.cli.main import main\n"
        "sys.modules['matplotlib'] = None\n"
        f"for command in {MEASURES}:\n"
        "    models = ['--model', 'a', '--model', 'b'] if command == 'routing' else []\n"
        "    try:\n"
        "        main(['eval', command, '--data', 'nowhere.jsonl', '--out', 'out', *models])\n"
        "    except SystemExit as left:\n"
        "        print(left.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == ["4"] * len(MEASURES)
    assert done.stderr.count("reports need matplotlib") == len(MEASURES)


@pytest.mark.parametrize("command", MEASURES)
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (None, "cannot be read"),
        ([{"id": "1"}], "is no question file"),
        ([{"id": "1", "question": "why?"}], "no question with an answer"),
    ],
    ids=["missing", "broken", "without answers"],
)
def test_data_that_is_none_exits_with_3_before_a_model_is_loaded(
    run, tmp_path, command, rows, said
):
    path = tmp_path / "questions.jsonl"
    if rows is not None:
        write_jsonl(path, rows)
    models = ("--model", "a", "--model", "b") if command == "routing" else ()
    assert said in run("eval", command, "--data", path, *models).refused(3)


def test_a_set_without_passages_of_its_own_has_no_conflicts(run, tmp_path):
    path = write_jsonl(
        tmp_path / "bare.jsonl", [{"id": "1", "question": "why?", "answers": ["so"]}]
    )
    assert "make-conflicts" in run("eval", "conflict", "--data", path).refused(3)


@pytest.mark.parametrize("command", ["answers", "conflict", "gates", "routing"])
def test_a_model_that_is_not_there_exits_with_4(run, data, tmp_path, command):
    models = [("--model", f"path:{tmp_path / name}") for name in ("one", "two")]
    chosen = models if command == "routing" else models[:1]
    options = [part for pair in chosen for part in pair]
    assert "is not a folder" in run("eval", command, "--data", data, *options).refused(4)


@pytest.mark.parametrize("command", ["answers", "conflict", "filters"])
def test_an_index_that_is_not_there_exits_with_2(run, data, tiny, command):
    refused = run("eval", command, "--data", data, "--model", tiny, "--index", "nope").refused(2)
    assert "no index named 'nope'" in refused


def test_filters_without_any_index_say_how_to_make_one(run, data, tiny):
    refused = run("eval", "filters", "--data", data, "--model", tiny).refused(2)
    assert "rag-router index add NAME PATH" in refused


def test_a_broken_index_exits_with_4(run, data, tiny, indexed, tmp_path):
    for path in (tmp_path / "home" / "indices" / indexed).rglob("vectors.faiss"):
        path.write_bytes(b"broken")
    run("eval", "filters", "--data", data, "--model", tiny).refused(4)


# --- gates --------------------------------------------------------------------------------------


def gates(run, data, tiny, *more):
    chosen = ("--gate", "confidence", "--gate", "always")
    return run("eval", "gates", "--data", data, "--model", tiny, *chosen, *more)


def test_gates_print_one_document_and_keep_what_they_asked(run, data, tiny, tmp_path):
    done = gates(run, data, tiny, "--json")
    assert (done.code, done.err.strip()) == (0, "")
    assert_documented_figures(done.json, "gates", GATES)
    assert (done.json["n"], done.json["closed_book_accuracy"]) == (40, 0.5)
    assert list(done.json["gates"]) == ["confidence", "always"]
    assert "models" not in done.json
    kept = kept_rows(tmp_path)
    assert kept[0] == 40
    assert gates(run, data, tiny, "--json").json == done.json
    assert kept_rows(tmp_path) == kept


def test_people_see_a_table(run, data, tiny):
    done = gates(run, data, tiny)
    assert done.code == 0
    assert "AUROC" in done.out
    assert "confidence (not fitted)" in done.out


def test_gates_that_do_not_apply_or_cost_extra_are_skipped_with_a_reason(
    run, data, tiny, embedder, monkeypatch
):
    monkeypatch.setenv("RAG_ROUTER_EMBEDDER__MODEL", embedder)
    monkeypatch.setenv("RAG_ROUTER_PROXY__MODEL", tiny)
    done = run("eval", "gates", "--data", data, "--model", tiny, "--limit", 12, "--json")
    assert done.code == 0, done.err
    assert {"always", "confidence", "never", "profile"} <= set(done.json["gates"])
    assert not set(done.json["gates"]) & set(done.json.get("skipped", {}))
    assert all(done.json.get("skipped", {}).values())


def test_of_several_models_each_has_its_summary_and_its_report(run, data, tiny, other, tmp_path):
    out = tmp_path / "out"
    done = gates(run, data, tiny, "--model", other, "--out", out, "--json")
    assert done.code == 0, done.err
    assert list(done.json["models"]) == [tiny, other]
    first = done.json["models"][tiny]
    assert {key: done.json[key] for key in first} == first
    assert first["closed_book_accuracy"] == 0.5
    for summary in done.json["models"].values():
        assert summary["n"] == 40
    reports = {path.parent for path in out.rglob("report.html")}
    assert len(reports) == 2
    # A page is shown to others, who have no such folder.
    assert sorted(read_report(folder).title for folder in reports) == (
        sorted(f"Gates for {Path(model).name}" for model in (tiny, other))
    )
    assert done.err.count("Report: ") == 2


def test_a_model_that_is_named_twice_is_judged_once(run, data, tiny):
    done = gates(run, data, tiny, "--model", tiny, "--json")
    assert "models" not in done.json


def test_several_models_are_shown_one_after_another(run, data, tiny, other):
    done = gates(run, data, tiny, "--model", other)
    assert done.out.count("AUROC with its 95 % bootstrap interval") == 2


def test_without_the_cache_nothing_is_kept(run, data, tiny, tmp_path):
    assert gates(run, data, tiny, "--no-cache", "--json").code == 0
    assert not (tmp_path / "home" / "outcomes.sqlite").exists()


def test_a_report_is_a_page_its_data_and_its_pictures(run, data, tiny, tmp_path):
    done = gates(run, data, tiny, "--out", tmp_path / "out", "--json")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names[-2:] == ["report.html", "report.json"]
    assert all(name.endswith(".png") for name in names[:-2])
    assert len(names) > 2
    assert done.err.strip() == f"Report: {tmp_path / 'out' / 'report.html'}"
    report = read_report(tmp_path / "out")
    assert report.summary == done.json
    assert report.manifest["data"][0]["rows"] == 40
    assert len(report.questions) == 40


def test_limits_held_out_questions_and_several_sets_are_counted(run, data, tiny, tmp_path):
    assert gates(run, data, tiny, "--limit", 7, "--json").json["n"] == 7
    held = gates(run, data, tiny, "--held-out", "--json").json["n"]
    assert 0 < held < 40
    again = shutil.copy(data, tmp_path / "set" / "again.jsonl")
    assert gates(run, data, tiny, "--data", again, "--json").json["n"] == 80


def test_scores_of_another_library_are_ranked_beside_the_gates(run, data, tiny, tmp_path):
    scores = write_jsonl(
        tmp_path / "scores.jsonl",
        [{"id": q.id, "estimators": {"Oracle": 1 - n % 2}} for n, q in enumerate(FORTY)],
    )
    done = gates(run, data, tiny, "--scores", scores, "--json")
    # Unsure of what is wrong, and turned round.
    assert done.json["peers"]["Oracle"]["auroc"] == 1
    scores.write_text("{}\n")
    assert "scores.jsonl:1" in gates(run, data, tiny, "--scores", scores).refused(3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe")
def test_data_that_changes_while_it_is_evaluated_ends_the_run(run, data, tiny, tmp_path):
    # The scores come through a pipe, whose other end changes the questions when it is opened.
    pipe = tmp_path / "scores"
    os.mkfifo(pipe)

    def change():
        with pipe.open("w") as file:
            data.write_text(data.read_text().replace("gold", "silver"))
            file.writelines(json.dumps({"id": q.id, "estimators": {"P": 0}}) + "\n" for q in FORTY)

    changing = threading.Thread(target=change)
    changing.start()
    done = gates(run, data, tiny, "--scores", pipe, "--out", tmp_path / "out", "--json")
    changing.join()
    assert "has changed since it was read" in done.refused(3)
    assert not (tmp_path / "out").exists()


# --- the others ---------------------------------------------------------------------------------


def test_answers_compare_policies_on_the_passages_that_come_along(run, data, tiny, tmp_path):
    asked = ("eval", "answers", "--data", data, "--model", tiny, "--gate", "always")
    done = run(*asked, "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    assert_documented_figures(done.json, "policies", POLICIES)
    assert "gate always" in done.json["policies"]
    assert done.json["policies"]["always"]["retrieval_rate"] == 1
    kept = kept_rows(tmp_path)
    # Forty answers with retrieval and without, of two gates.
    assert kept[1] == 40 * 2 * 2
    assert run(*asked, "--json").json == done.json
    assert kept_rows(tmp_path) == kept
    assert read_report(tmp_path / "out").summary == done.json
    shown = run(*asked)
    assert "minus always" in shown.out
    assert "skipped popularity" in shown.err


def test_answers_look_things_up_in_an_index(run, data, tiny, indexed):
    done = run(
        *("eval", "answers", "--data", data, "--model", tiny, "--limit", 6),
        *("--index", indexed, "--json"),
    )
    assert done.code == 0, done.err
    assert done.json["policies"]["always"]["retriever_calls"] > 0
    assert done.json["policies"]["never"]["retriever_calls"] == 0


def test_conflicts_compare_all_decoders_unless_some_are_named(
    run, data, tiny, embedder, monkeypatch, tmp_path
):
    monkeypatch.setenv("RAG_ROUTER_EMBEDDER__MODEL", embedder)
    asked = ("eval", "conflict", "--data", data, "--model", tiny, "--limit", 8)
    done = run(*asked, "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    # What nothing contests and nobody knows has no figures; the counts say so.
    counts = done.json["counts"]
    absent = {
        "contested": {"follows_context", "follows_memory", "memorization_ratio"},
        "known": {"harmed"},
    }
    missing = frozenset().union(*(keys for count, keys in absent.items() if not counts[count]))
    plain = {"plain": done.json["strategies"]["plain"]}
    assert CONFLICT - plain["plain"].keys() <= missing | {"memorization_ratio"}
    assert done.json["n"] == 3 * 8
    assert {"abstaining", "abstaining_momentum"} <= set(done.json["strategies"])
    assert "skipped" not in done.json
    assert run(*asked, "--json").json == done.json
    assert read_report(tmp_path / "out").summary == done.json
    only = run(*asked, "--strategy", "adaptive_contrast", "--json").json
    assert list(only["strategies"]) == ["plain", "adaptive_contrast"]
    assert only["strategies"]["plain"] == done.json["strategies"]["plain"]


def test_conflicts_take_further_questions_and_hard_passages(run, data, tiny, indexed, tmp_path):
    # The tiny model knows the odd ones; these have ids of the set, and are other questions.
    harm = write_jsonl(
        tmp_path / "harm.jsonl",
        [
            json.loads(line) | {"contexts": [], "id": f"q{39 - n}"}
            for n, line in enumerate(data.read_text().splitlines())
        ],
    )
    done = run(
        *("eval", "conflict", "--data", data, "--model", tiny, "--strategy", "plain"),
        *("--harm", harm, "--index", indexed, "--limit", 10, "--json"),
    )
    assert done.code == 0, done.err
    counts = done.json["counts"]
    # Ten of each set are asked, and all that memory knows of both is put at risk.
    assert counts["gold"] == 10
    assert 10 <= counts["irrelevant"] <= 20
    assert counts["known"] > counts["irrelevant"] - 10


def test_filters_compare_what_is_kept_of_the_same_hits(run, data, tiny, indexed, tmp_path):
    asked = ("eval", "filters", "--data", data, "--model", tiny, "--limit", 6)
    done = run(*asked, "--filter", "budget", "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    assert list(done.json["filters"]) == ["none", "budget", "settings"]
    assert done.json["n"] == 6
    for row in done.json["filters"].values():
        assert {"tokens_kept", "answer_accuracy", "ms_per_question"} <= row.keys()
    assert read_report(tmp_path / "out").kind == "filters"
    shown = run(*asked)
    assert "tokens kept" in shown.out
    assert "threshold" in shown.out


def test_routing_compares_models_and_their_choice(run, data, tiny, other, tmp_path):
    asked = ("eval", "routing", "--data", data, "--model", tiny, "--model", other)
    done = run(*asked, "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    untimed = frozenset({"ms_per_question"})
    names = (tiny, other, "best_single", "oracle")
    without = dict.fromkeys(names, untimed)
    assert_documented_figures(done.json, "routers", ROUTERS, without=without)
    assert list(done.json["routers"]) == [tiny, other, "surest", "best_single", "oracle"]
    assert done.json["routers"][tiny]["accuracy"] == 0.5
    assert run(*asked, "--json").json == done.json
    assert read_report(tmp_path / "out").summary == done.json
    assert "regret" in run(*asked).out
