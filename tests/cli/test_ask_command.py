"""Questions on the command line: with a random model, and how scripted answers are shown."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from little_house import SCRIPT, assert_documented, parts, scripted_expert, write_jsonl
from rich.console import Console

from rag_router.assembly import assemble
from rag_router.cli.ask import show_answer
from rag_router.indices.library import Library
from rag_router.models.scripted import Reply
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.orchestrator import Ask
from rag_router.settings import Settings

VALVE = "How often is the Larkspur valve calibrated?"


def test_one_json_document_is_all_that_is_printed(run, tiny):
    done = run("ask", VALVE, "--expert", tiny, "--retrieval", "never", "--tokens", "--json")
    assert (done.code, done.err) == (0, "")
    assert_documented(done.json)
    assert done.json["question"] == VALVE
    assert done.json["route"]["expert"]["name"] == tiny
    assert isinstance(done.json["tokens"], list)


def test_without_documents_people_are_told_how_to_add_some(run, tiny, monkeypatch):
    # So much must be sure of itself that a random model is not.
    monkeypatch.setenv("RAG_ROUTER_POLICY__MIN_CONFIDENCE", "1.0")
    done = run("ask", VALVE, "--expert", tiny)
    assert done.code == 0
    assert done.out.startswith("I don't know.\n")
    assert "rag-router index add NAME PATH" in " ".join(done.out.split())
    monkeypatch.setenv("RAG_ROUTER_POLICY__MESSAGE", "Ask the office.")
    assert run("ask", VALVE, "--expert", tiny).out.startswith("Ask the office.\n")


@pytest.mark.parametrize("question", ["", "   ", "\u200b", "a" * 10_001])
def test_a_question_that_is_none_is_a_data_error(run, tiny, question):
    assert "question 1" in run("ask", question, "--expert", tiny, "--json").refused(3)


def test_reliance_reaches_the_decoder_that_has_such_a_knob(run, tiny):
    asked = ("ask", VALVE, "--expert", tiny, "--retrieval", "never", "--json")
    done = run(*asked, "--decoder", "confidence_gain", "--reliance", "0.25")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("decoder", "reliance", "said"),
    [
        ("plain", "0.5", "Decoders that have one: auto, confidence_gain"),
        ("confidence_gain", "1.5", "between 0, the passages, and 1, memory"),
        ("confidence_gain", "nan", "between 0, the passages, and 1, memory"),
        ("confidence_gain", "much", "--reliance"),
    ],
)
def test_a_reliance_that_cannot_be_is_refused_before_a_model_is_looked_for(
    run, decoder, reliance, said
):
    err = run("ask", VALVE, "--decoder", decoder, "--reliance", reliance).refused(2)
    assert said in " ".join(err.split())


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ask")
    script = {"The gauge reads": Reply("[bold]red\x1b[31m[/]", 0.95), **SCRIPT}
    gauge = {
        "id": "gauge",
        "title": "",
        "text": "The gauge reads [/bold] :warning: \x1b[2Jnothing.",
    }
    Library(folder / "home").add(
        "odd", [write_jsonl(folder / "odd.jsonl", [gauge])], HashingEmbedder()
    )
    some = parts(folder, expert=scripted_expert(script))
    odd = Library(folder / "home").open("odd")
    settings = Settings(home=folder / "home")
    orchestrator = assemble(settings, replace(some, indexes={**some.indexes, "odd": odd}))

    def ask(question: str, *indexes: str, **wanted) -> str:
        answer = orchestrator.answer([question], Ask(indexes=indexes, **wanted))[0]
        shown = io.StringIO()
        show_answer(answer, Console(file=shown, width=200, emoji=False))
        return shown.getvalue()

    return ask


def test_people_see_the_answer_its_source_and_why(ask):
    lines = ask(VALVE, "handbook").splitlines()
    assert lines[0] == "90 days"
    assert "  [1] handbook/Valves (cited)" in lines
    assert "      The Larkspur valve is calibrated every 90 days." in lines
    (why,) = (line for line in lines if line.startswith("why: "))
    assert "from the passages" in why
    assert "(looked up)" in why
    assert "scripted" in why
    assert any(line.startswith("note: gate: ") for line in lines)


def test_people_see_that_nothing_was_looked_up(ask):
    shown = ask("What is the capital of France?", "towns")
    assert shown.startswith("Paris\n")
    assert "from the model's own knowledge" in shown
    assert "(not looked up)" in shown


def test_people_see_every_token_when_they_ask_for_it(ask):
    shown = ask("What is the capital of France?", tokens=True)
    assert "H memory" in shown
    assert all(repr(letter) in shown for letter in "Paris")
    # The script says how sure each letter is.
    assert "0.99" in shown


def test_what_models_and_documents_say_steers_neither_rich_nor_the_terminal(ask):
    shown = ask("What does the gauge say?", "odd")
    assert shown.splitlines()[0] == "[bold]red[31m[/]"
    assert "      The gauge reads [/bold] :warning: [2Jnothing." in shown.splitlines()
    assert "\x1b" not in shown
