"""`rag-router gate fit`: what gates learn from, and what it says of what they cannot learn from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from little_house import write_jsonl

from rag_router.eval.labels import label
from rag_router.experts import Expert
from rag_router.gates import GATES, FittedGate
from rag_router.models.causal import TransformersModel
from rag_router.models.prompts import PromptStyle
from rag_router.store.database import ServiceDatabase
from rag_router.store.feedback import add_feedback
from rag_router.store.migrating import upgrade
from rag_router.store.traces import add_traces, trace
from rag_router.types import Question

SIXTY = [Question(id=f"q{n}", text=f"What is item {n}?") for n in range(60)]


@pytest.fixture(autouse=True)
def one_batch(monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_GENERATOR__BATCH_SIZE", "60")


@pytest.fixture(scope="module")
def spoken(tiny):
    """What the tiny model says from memory to each of the sixty questions."""
    model = TransformersModel.load(Path(tiny.removeprefix("path:")), name="tiny", fingerprint="t")
    expert = Expert(name="tiny", model=model, style=PromptStyle.of(model))
    return [one.outcome.answer for one in label(expert, SIXTY, batch_size=60)]


@pytest.fixture
def rows(spoken):
    """The tiny model knows every other one of them, and every third one can be answered."""
    return [
        {
            "id": q.id,
            "question": q.text,
            "answers": [answer if n % 2 else f"gold {n}"],
            "contexts": [{"id": f"p{n}", "text": f"Item {n} is gold {n}."}],
            "meta": {"answerable": n % 3 > 0},
        }
        for n, (q, answer) in enumerate(zip(SIXTY, spoken, strict=True))
    ]


@pytest.fixture
def data(rows, tmp_path):
    return write_jsonl(tmp_path / "questions.jsonl", rows)


@pytest.fixture
def feedback(spoken, tmp_path):
    """What people said of the same answers: of every other one, that it is right."""
    return write_jsonl(
        tmp_path / "feedback.jsonl",
        [
            {"question": q.text, "answer": answer, "right": bool(n % 2), "reason": "parametric"}
            for n, (q, answer) in enumerate(zip(SIXTY, spoken, strict=True))
        ],
    )


@pytest.fixture
def fit(run, tiny, tmp_path):
    """Fit a gate for the tiny model."""

    def fit(name, *options):
        out = tmp_path / "out"
        return run("gate", "fit", name, "--model", tiny, "--out", out, *options, "--json")

    return fit


# --- every gate ---------------------------------------------------------------------------------


def test_a_gate_that_shows_examples_is_fitted_with_the_models_own(fit, data, run, tiny, tmp_path):
    done = fit("skr_in_context", "--data", data)
    assert done.code == 0, done.err
    notes = done.json["notes"]
    numbers = {
        kind: [int(one.split()[3].strip("?")) % 2 for one in notes[kind]]
        for kind in ("known", "unknown")
    }
    assert numbers == {"known": [1, 1], "unknown": [0, 0]}
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[gate]\nname = "skr_in_context"\nartefact = "{tmp_path / "out"}"\n')
    answer = run("ask", "What is item 1?", "--expert", tiny, "--config", settings, "--json").json
    assert not any(note["stage"] == "gate" for note in answer["degraded"])


def test_a_gate_that_learns_marks_takes_questions_without_accepted_answers(
    fit, rows, tmp_path, embedder, monkeypatch
):
    monkeypatch.setenv("RAG_ROUTER_EMBEDDER__MODEL", embedder)
    marked = [row if row["meta"]["answerable"] else {**row, "answers": []} for row in rows]
    done = fit("unanswerable", "--data", write_jsonl(tmp_path / "marked.jsonl", marked))
    assert done.code == 0, done.err
    card = done.json
    assert card["notes"]["train"] + card["notes"]["held_out"] == 60
    assert card["notes"]["learned_from"] == "marks"
    # Of the sixty, forty are marked as answerable: two of three in the half held out, about.
    assert 0.5 < card["metrics"]["base_rate"] < 0.85


def test_a_question_that_lacks_the_mark_is_named_before_anything_is_loaded(run, rows, tmp_path):
    bare = [{**row, "meta": {}} if row["id"] == "q7" else row for row in rows]
    path = write_jsonl(tmp_path / "bare.jsonl", bare)
    said = run("gate", "fit", "unanswerable", "--data", path, "--out", tmp_path / "out").refused(3)
    assert "question 'q7' does not say whether it can be answered" in said
    assert "meta.answerable" in said


@pytest.mark.parametrize(
    "name", [n for n in GATES if isinstance(GATES.build(n), FittedGate) and n != "unanswerable"]
)
def test_every_other_gate_that_learns_gets_as_far_as_its_model(run, data, tmp_path, name):
    # Nothing is at hand here but the questions, with passages; which all of these accept.
    asked = ("gate", "fit", name, "--data", data, "--out", tmp_path / "out", "--with-retrieval")
    assert "gemma-3-270m" in run(*asked).refused(4)


def test_a_gate_is_fitted_by_the_short_name_too_and_used_by_either(fit, data, run, tiny, tmp_path):
    done = fit("self_judgement", "--data", data)
    assert done.code == 0, done.err
    assert done.json["method"] == "gate/self_judgement_before"
    for name in ("self_judgement", "self_judgement_before"):
        settings = tmp_path / f"{name}.toml"
        settings.write_text(f'[gate]\nname = "{name}"\nartefact = "{tmp_path / "out"}"\n')
        done = run("ask", "What is item 1?", "--expert", tiny, "--config", settings, "--json")
        assert done.json["knowledge"]["gate"] == name
        assert not any(note["stage"] == "gate" for note in done.json["degraded"])


def test_a_family_of_gates_is_not_a_gate(run, data, tmp_path):
    said = run("gate", "fit", "skr", "--data", data, "--out", tmp_path / "out").refused(2)
    assert "'skr_classifier', 'skr_in_context', 'skr_neighbours' or 'skr_prompt'?" in said


def test_a_model_that_does_not_show_what_the_gate_reads_is_refused(fit, data):
    said = fit("expert_activation", "--data", data).refused(2)
    assert "reads router_activations" in said
    assert "Gates that would do: agreement" in said


# --- where questions are from -------------------------------------------------------------------


def test_questions_come_from_folders_and_in_any_layout(fit, rows, tmp_path):
    folder = tmp_path / "sets"
    folder.mkdir()
    write_jsonl(folder / "one.jsonl", rows[:30])
    squad = {
        "data": [
            {
                "title": "",
                "paragraphs": [
                    {
                        "context": "Something.",
                        "qas": [
                            {
                                "id": row["id"],
                                "question": row["question"],
                                "answers": [{"text": row["answers"][0], "answer_start": 0}],
                            }
                            for row in rows[30:]
                        ],
                    }
                ],
            }
        ]
    }
    (folder / "two.json").write_text(json.dumps(squad))
    done = fit("confidence", "--data", folder)
    assert done.code == 0, done.err
    assert done.json["notes"]["train"] + done.json["notes"]["held_out"] == 60


# --- with retrieval -----------------------------------------------------------------------------


def test_with_retrieval_a_goal_of_accuracy_can_be_reached(fit, data):
    goal = ("--goal", "accuracy=always-0.01")
    done = fit("confidence", "--data", data, "--with-retrieval", *goal)
    assert done.code == 0, done.err
    metrics = done.json["metrics"]
    assert 0 <= metrics["accuracy_always"] <= 1
    assert 0 <= metrics["accuracy_gated"] <= 1
    assert done.json["threshold_goal"] == "accuracy=always-0.01"
    # Without an index the passages that come with the questions are read.
    assert done.json["notes"]["indexes"] == []


def test_with_an_index_questions_are_looked_up_there(
    run, fit, data, embedder, monkeypatch, tmp_path
):
    monkeypatch.setenv("RAG_ROUTER_EMBEDDER__MODEL", embedder)
    documents = [{"id": f"d{n}", "title": "", "text": f"item {n} is a thing"} for n in range(9)]
    path = write_jsonl(tmp_path / "corpus.jsonl", documents)
    assert run("index", "add", "things", path, "--embedder", embedder).code == 0
    asked = ("confidence", "--data", data, "--with-retrieval", "--index", "things")
    done = fit(*asked)
    assert done.code == 0, done.err
    assert done.json["notes"]["indexes"] == ["things"]
    assert fit(*asked).json == done.json
    assert "no index named 'thing'" in fit(*asked[:-1], "thing").refused(2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--goal", "accuracy=always-0.01"], "Add --with-retrieval, or use another goal"),
        (["--index", "wiki"], "Add --with-retrieval."),
        (["--with-retrieval", "--from-feedback", "f.jsonl"], "or without --with-retrieval"),
    ],
)
def test_options_that_make_no_sense_together_say_what_would(run, data, tmp_path, options, said):
    arguments = ("gate", "fit", "profile", "--data", data, "--out", tmp_path / "out", *options)
    assert said in run(*arguments).refused(2)


def test_a_gate_that_learns_marks_is_taught_nothing_by_answers(run, data, tmp_path):
    arguments = ("gate", "fit", "unanswerable", "--data", data, "--out", tmp_path / "out")
    for options in (["--with-retrieval"], ["--from-feedback", "f.jsonl"]):
        assert "learns what questions are marked with" in run(*arguments, *options).refused(2)


def test_retrieval_needs_something_to_look_in(run, rows, tmp_path):
    bare = [{**row, "contexts": []} if row["id"] == "q7" else row for row in rows]
    path = write_jsonl(tmp_path / "bare.jsonl", bare)
    arguments = ("gate", "fit", "profile", "--data", path, "--out", tmp_path / "out")
    said = run(*arguments, "--with-retrieval").refused(2)
    assert "there is no index to look in, and 1 of 60 questions bring no contexts: 'q7'" in said
    assert "rag-router index add" in said


# --- feedback -----------------------------------------------------------------------------------


def test_feedback_stands_in_the_place_of_accepted_answers(fit, feedback):
    done = fit("confidence", "--from-feedback", feedback)
    assert done.code == 0, done.err
    assert done.json["notes"]["feedback"] == 60
    assert "questions labelled: 60" in done.err


def test_feedback_and_a_set_are_learned_from_together(fit, feedback, rows, tmp_path):
    some = write_jsonl(tmp_path / "some.jsonl", rows[:40])
    done = fit("confidence", "--from-feedback", feedback, "--data", some)
    assert done.code == 0, done.err
    # The set knows the answers to forty of the sixty already.
    assert done.json["notes"]["feedback"] == 20
    assert done.json["notes"]["train"] + done.json["notes"]["held_out"] == 60


def test_too_little_feedback_about_memory_says_why_there_is_too_little(fit, feedback):
    lines = feedback.read_text().splitlines()
    feedback.write_text("\n".join(lines[:40]) + "\n")
    said = fit("confidence", "--from-feedback", feedback).refused(3)
    assert "40 labelled questions are too few" in said
    contextual = [line.replace("parametric", "contextual") for line in lines[20:]]
    feedback.write_text("\n".join([*lines[:20], *contextual]) + "\n")
    said = fit("confidence", "--from-feedback", feedback).refused(3)
    assert "20 labelled questions are too few" in said
    assert "not about an answer from memory: 40" in said


def test_feedback_of_one_kind_alone_teaches_nothing(fit, feedback):
    feedback.write_text(feedback.read_text().replace("false", "true"))
    said = fit("confidence", "--from-feedback", feedback).refused(3)
    assert "both classes; saw" in said
    assert "0 wrong" in said


def test_what_the_service_was_told_is_learned_from(fit, spoken, run, tmp_path, monkeypatch):
    home = tmp_path / "served"
    monkeypatch.setenv("RAG_ROUTER_HOME", str(home))
    assert "no service has kept anything" in fit("confidence", "--from-feedback").refused(3)
    database = ServiceDatabase.at(home / "service.sqlite")
    upgrade(database.engine)
    assert "nobody has said anything" in fit("confidence", "--from-feedback").refused(3)
    told = {"abstained": False, "confidence": 0.5, "passages": []}
    with database.writing() as session:
        for n, (q, answer) in enumerate(zip(SIXTY, spoken, strict=True)):
            # Of every other one it was said that it is right; of one, what would have been.
            said = {"question": q.text, "answer": answer, "reason": "parametric", **told}
            (id_,) = add_traces(session, "default", [said], kept="full", now=1.0)
            row, correct = trace(session, "default", id_), "" if n else "no thing"
            verdict = "right" if n % 2 else "wrong"
            add_feedback(session, row, verdict, correct_answer=correct, now=2.0)
    database.close()
    done = fit("confidence", "--from-feedback")
    assert done.code == 0, done.err
    assert done.json["notes"]["feedback"] == 60
    assert "questions labelled: 60" in done.err


def test_a_broken_line_of_feedback_is_named(fit, feedback):
    feedback.write_text(feedback.read_text() + '{"question": "q", "answer": "a"}\n')
    assert "feedback.jsonl:61: lacks 'right'" in fit("p_ik", "--from-feedback", feedback).refused(3)


def test_without_questions_there_is_nothing_to_learn_from(fit):
    assert "nothing to learn from" in fit("confidence").refused(2)


# --- what cannot be learned from ----------------------------------------------------------------


def test_fewer_than_fifty_questions_are_found_out_before_a_model_is_loaded(run, data, tmp_path):
    arguments = ("gate", "fit", "p_ik", "--data", data, "--out", tmp_path / "out")
    assert "49 labelled questions are too few" in run(*arguments, "--limit", 49).refused(3)


def test_a_question_longer_than_the_context_is_left_out_and_named(fit, rows, tmp_path):
    long = {"id": "novel", "question": "why " * 2000, "answers": ["x"]}
    path = write_jsonl(tmp_path / "long.jsonl", [*rows, long])
    done = fit("confidence", "--data", path)
    assert done.code == 0, done.err
    assert "Left out 1 question, 'novel': the question makes a prompt of 8" in done.err
    assert done.json["notes"]["too_long"] == 1
    assert done.json["notes"]["train"] + done.json["notes"]["held_out"] == 60


def test_a_goal_that_the_questions_cannot_reach_says_what_they_can(fit, data):
    # Of some thirty questions to learn from none can promise less than 1 / (n + 1).
    assert "They can promise 0.0" in fit("confidence", "--data", data, "--goal", "risk<=0").refused(
        2
    )
    said = fit("confidence", "--data", data, "--goal", "error<=0").refused(2)
    assert "The lowest error these questions reach is 0." in said


def test_a_folder_of_something_else_is_found_out_before_a_model_is_loaded(run, data, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    arguments = ("gate", "fit", "p_ik", "--data", data, "--out", tmp_path / "full")
    assert "exists and is not an artefact" in run(*arguments).refused(4)


# --- artefacts ----------------------------------------------------------------------------------


@pytest.fixture
def fitted(fit, data, tmp_path):
    """An artefact, and settings that name it."""
    assert fit("confidence", "--data", data).code == 0
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[gate]\nname = "confidence"\nartefact = "{tmp_path / "out"}"\n')
    return tmp_path / "out", settings


def ask(run, tiny, settings):
    return run("ask", "What is item 1?", "--expert", tiny, "--config", settings, "--json")


def edit(artefact, **changes):
    card = artefact / "card.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | changes))


def test_weights_that_somebody_edited_are_refused(run, tiny, fitted):
    artefact, settings = fitted
    assert ask(run, tiny, settings).code == 0
    weights = artefact / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    assert "not what the card says it is" in ask(run, tiny, settings).refused(4)
    assert "not what the card says it is" in run("gate", "show", artefact).refused(4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"notes": {}}, "'statistic'"),
        ({"threshold": "high"}, "threshold"),
        ({"threshold": 7.0}, "threshold"),
        ({"model_fingerprint": "0" * 64}, "000000000000"),
        ({"prompt_hash": "1" * 64}, "111111111111"),
        ({"method": "gate/p_ik"}, "gate/p_ik"),
    ],
)
def test_a_card_that_somebody_edited_is_refused_where_it_says_something_else(
    run, tiny, fitted, changes, said
):
    artefact, settings = fitted
    edit(artefact, **changes)
    assert said in ask(run, tiny, settings).refused(4)


def test_a_gate_is_fitted_anew_whatever_its_old_artefact_is_worth(fit, data, fitted):
    artefact, settings = fitted
    edit(artefact, model_fingerprint="0" * 64)
    done = fit("confidence", "--data", data, "--config", settings)
    assert done.code == 0, done.err
    assert done.json["model_fingerprint"] != "0" * 64
