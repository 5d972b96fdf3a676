"""`doctor --costs`: measured on a tiny model, worked out on what an evaluation said."""

from __future__ import annotations

import json

import pytest
from little_house import write_jsonl

ROWS = [
    # Known: one is looked up and spoiled. Unknown: one is looked up, and found.
    {"p_know": 0.9, "looked up": False, "never right": True, "always right": True},
    {"p_know": 0.4, "looked up": True, "never right": True, "always right": False},
    {"p_know": 0.2, "looked up": True, "never right": False, "always right": True},
    {"p_know": 0.8, "looked up": False, "never right": False, "always right": True},
]


@pytest.fixture
def report(tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "report.json").write_text(
        json.dumps({"title": "seen before", "summary": {"gate": "g"}, "questions": ROWS})
    )
    return folder


@pytest.fixture(autouse=True)
def generator(monkeypatch, tiny):
    monkeypatch.setenv("RAG_ROUTER_GENERATOR__MODEL", tiny)
    monkeypatch.setenv("RAG_ROUTER_GENERATOR__MAX_NEW_TOKENS", "2")
    monkeypatch.setenv("RAG_ROUTER_GATE__NAME", "confidence")


def test_what_is_missing_is_said_and_what_is_not_is_measured(run, tiny):
    done = run("doctor", "--costs", "--json")
    assert done.code == 0, done.err
    [(name, told)] = done.json["experts"].items()
    assert (name, sorted(told["policies"])) == (tiny, ["always", "never"])
    assert "accuracy" not in told["policies"]["never"]
    assert told["policies"]["never"]["ms"] > 0
    assert told["measured"]["read_ms"] > 0
    assert told["measured"]["answer"]["lm_forward_passes"] >= 1
    lookups, accuracy = told["missing"]
    assert "index add" in lookups
    assert f"eval answers --data FILE --model {tiny}" in accuracy


def test_a_report_gives_accuracies_which_a_mix_weighs(run, tiny, report):
    done = run("doctor", "--costs", "--report", report, "--json")
    told = done.json["experts"][tiny]
    assert told["evaluation"] == {"source": "seen before", "gate": "g", "n": 4}
    assert told["mix"] == {"known": 0.5, "unknown": 0.5}
    assert told["kinds"] == {
        "known": {"never": 1.0, "always": 0.5, "rate": 0.5, "gated": 0.5},
        "unknown": {"never": 0.0, "always": 1.0, "rate": 0.5, "gated": 0.5},
    }
    accuracy = {name: row["accuracy"] for name, row in told["policies"].items()}
    assert accuracy == {"never": 0.5, "always": 0.75, "gated": 0.5}
    mixed = run(
        *("doctor", "--costs", "--report", report, "--mix", "known=0.2,unknown=0.8"),
        *("--worth-s", 1000, "--json"),
    ).json["experts"][tiny]
    # 0.2 * 0.5 + 0.8 * 1
    assert mixed["policies"]["always"]["accuracy"] == 0.9
    # Nothing is looked in, so that looking up costs nothing: all but the first are looked up...
    # or more, if that is no worse: of 4, the third and fourth are found, the first stays right.
    assert mixed["best_threshold"]["accuracy"] == 0.75


def test_people_read_a_table_and_sentences(run, report):
    said = run("doctor", "--costs", "--report", report).out
    assert "never" in said
    assert "questions: 50% known, 50% unknown; figures of 4 questions (seen before)" in said
    assert "the gate looks up 50%" in said
    assert "missing lookups" in said


def test_the_newest_evaluation_is_taken_where_none_is_named(run, tiny, tmp_path):
    data = write_jsonl(
        tmp_path / "asked.jsonl",
        [{"id": f"q{n}", "question": f"What is {n}?", "answers": ["gold"]} for n in range(4)],
    )
    given = run("doctor", "--costs", "--data", data, "--json").json["experts"][tiny]
    assert given["evaluation"]["source"] == "4 questions given"
    assert given["mix"] == {"unknown": 1.0}
    assert run("eval", "answers", "--data", data, "--model", tiny, "--json").code == 0
    told = run("doctor", "--costs", "--json").json["experts"][tiny]
    assert told["evaluation"]["n"] == 4
    assert told["kinds"] == given["kinds"]


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--mix", "known=0.3"), 2, "sum to 0.3"),
        (("--report", "nowhere"), 3, "is no report of answers"),
        (("--data", "nowhere.jsonl"), 3, "nowhere.jsonl"),
    ],
)
def test_what_cannot_be_reckoned_with_says_so(run, more, code, said):
    assert said in run("doctor", "--costs", *more).refused(code)


def test_the_options_of_costs_belong_to_it(run):
    assert "belong to --costs" in run("doctor", "--mix", "known=1").refused(2)


def test_each_expert_of_the_settings_is_measured(run, tiny, embedder, tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_EMBEDDER__MODEL", embedder)
    settings = tmp_path / "pool.toml"
    settings.write_text(
        f'[[experts]]\nname = "cheap"\nmodel = "{tiny}"\n'
        f'[[experts]]\nname = "dear"\nmodel = "{tiny}"\nprice_completion = 1e6\n'
    )
    done = run("doctor", "--costs", "--config", settings, "--json")
    assert done.code == 0, done.err
    experts = done.json["experts"]
    assert sorted(experts) == ["cheap", "dear"]
    never = experts["dear"]["policies"]["never"]
    assert never["price"] == pytest.approx(never["completion_tokens"], abs=0.1)
    assert experts["cheap"]["policies"]["never"]["price"] == 0
    refused = run("doctor", "--costs", "--config", settings, "--report", tmp_path)
    assert "several experts" in refused.refused(2)
