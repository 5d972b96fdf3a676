"""Questions on the command line: with a random model, and how scripted answers are shown."""

from __future__ import annotations

import io

import pytest
from little_house import assert_documented, parts
from rich.console import Console

from rag_router.assembly import assemble
from rag_router.cli.ask import show_answer
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


def test_without_documents_people_are_told_how_to_add_some(run, tiny):
    done = run("ask", VALVE, "--expert", tiny, "--gate", "always")
    assert done.code == 0
    assert done.out.startswith("I don't know.\n")
    assert "rag-router index add NAME PATH" in " ".join(done.out.split())


def test_a_setting_decides_what_people_read_when_it_does_not_know(run, tiny, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_POLICY__MESSAGE", "Ask the office.")
    assert run("ask", VALVE, "--expert", tiny, "--gate", "always").out.startswith("Ask the office.")


@pytest.mark.parametrize("question", ["", "   ", "\u200b", "a" * 10_001])
def test_a_question_that_is_none_is_a_data_error(run, tiny, question):
    assert "question 1" in run("ask", question, "--expert", tiny, "--json").refused(3)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ask")
    orchestrator = assemble(Settings(home=folder / "home"), parts(folder))

    def ask(question: str, **wanted) -> str:
        answer = orchestrator.answer([question], Ask(**wanted))[0]
        shown = io.StringIO()
        show_answer(answer, Console(file=shown, width=200))
        return shown.getvalue()

    return ask


def test_people_see_the_answer_its_source_and_why(ask):
    lines = ask(VALVE).splitlines()
    assert lines[0] == "90 days"
    assert "  [1] handbook/Valves (cited)" in lines
    assert "      The Larkspur valve is calibrated every 90 days." in lines
    (why,) = (line for line in lines if line.startswith("why: "))
    assert "from the passages" in why
    assert "(looked up)" in why
    assert "scripted" in why
    assert any(line.startswith("note: gate: ") for line in lines)


def test_people_see_that_nothing_was_looked_up(ask):
    shown = ask("What is the capital of France?")
    assert shown.startswith("Paris\n")
    assert "from the model's own knowledge" in shown
    assert "(not looked up)" in shown


def test_people_see_every_token_when_they_ask_for_it(ask):
    shown = ask("What is the capital of France?", tokens=True)
    assert "H memory" in shown
    assert all(repr(letter) in shown for letter in "Paris")
    # The script says how sure each letter is.
    assert "0.99" in shown


def test_markup_in_a_question_or_document_is_shown_as_it_is(ask):
    assert "[/]" not in ask("What is [bold]that[/]?", retrieval="never")
