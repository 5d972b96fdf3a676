from __future__ import annotations

import os
import subprocess
import sys

import pytest
from little_house import CORPORA, write_jsonl

from rag_router import __version__
from rag_router.cli.main import cli
from rag_router.indices.library import Library
from rag_router.models.scripted_embedder import HashingEmbedder

HEAVY = ("torch", "transformers", "faiss", "pydantic", "sqlalchemy", "rich")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"]])
def test_help_and_version_import_nothing_heavy(arguments):
    program = (
        "import sys\n"
        "from rag_router.cli.main import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        f"    print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"
    assert done.stdout


@pytest.mark.parametrize("command", ["ask", "gate", "index", "models", "serve", "doctor"])
def test_help_of_a_command_does_not_load_torch(command):
    program = (
        "import sys\n"
        "from rag_router.cli.main import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{command} [OPTIONS]" in done.stdout


def test_the_module_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "rag_router.cli.main", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"rag-router, version {__version__}\n"


def test_help_lists_every_command_with_its_own_first_line(run):
    listed = run("--help").out
    for name in cli.list_commands(None):
        own = cli.get_command(None, name)
        assert own is not None
        assert f"  {name}" in listed
        assert own.help
    assert run("--help").code == 0


def test_no_command_at_all_shows_the_help_on_stderr(run):
    assert "Commands:" in run().refused(2)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["aks", "x"], "'ask'"),
        (["modles"], "'models'"),
        (["ask", "x", "--retrival", "auto"], "'--retrieval'"),
        (["gate", "lst"], "'list'"),
        (["gate", "list", "--jsno"], "'--json'"),
        (["doctor", "--ofline"], "'--offline'"),
    ],
)
def test_what_was_misspelt_is_answered_with_what_was_meant(run, arguments, meant):
    said = run(*arguments).refused(2)
    assert f"Did you mean {meant}?" in said.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask"],
        ["ask", "a", "b"],
        ["ask", "a", "--retrieval", "sometimes"],
        ["serve", "--port", "99999"],
        ["gate", "fit", "confidence"],
        ["gate", "fit", "confidence", "--data", "a", "--out", "b", "--limit", "0"],
        ["filter", "fit", "threshold", "--data", "a", "--out", "b"],
    ],
)
def test_what_is_missing_or_impossible_exits_with_2(run, arguments):
    assert run(*arguments).refused(2)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ask", "x", "--gate", "confidense"], 2, "no gate named 'confidense'."),
        (["ask", "x", "--decoder", "plian"], 2, "no decoder named 'plian'."),
        (["ask", "x", "--expert", "gema-3-270m"], 2, "no model named 'gema-3-270m'."),
        (["ask", "x", "--index", "nope"], 2, "no index named 'nope'."),
        (["ask", "x", "--config", "nope.toml"], 2, "settings cannot be read from nope.toml"),
        (["ask", "x", "--expert", "path:/nope"], 4, "/nope is not a folder."),
        (["serve"], 4, "the model gemma-3-270m is not in "),
        (["serve", "--config", "nope.toml"], 2, "settings cannot be read from nope.toml"),
    ],
)
def test_our_own_errors_are_one_message_and_the_documented_code(run, arguments, code, said):
    # The first line says what was seen, the second one what would work.
    lines = [line for line in run(*arguments).refused(code).splitlines() if line]
    assert lines[0].startswith(f"Error: {said}")
    assert len(lines) <= 2


def test_a_question_without_a_model_says_what_is_fetched_and_why_not(run):
    done = run("ask", "Who wrote Hamlet?", "--json")
    said = done.refused(4)
    assert "gemma-3-270m: 238 MB to fetch" in said
    assert "is not there" in said


def test_a_command_that_is_given_up_exits_with_130(tmp_path):
    library = Library(tmp_path)
    rows = write_jsonl(tmp_path / "towns.jsonl", CORPORA["towns"])
    library.add("towns", [rows], HashingEmbedder())
    done = subprocess.run(
        [sys.executable, "-m", "rag_router.cli.main", "index", "remove", "towns"],
        env={**os.environ, "RAG_ROUTER_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.endswith("Interrupted.\n")
    assert library.names() == ["towns"]
