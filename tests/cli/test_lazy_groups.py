from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from rag_router.cli import evaluate, main
from rag_router.cli.lazy import LazyGroup


@click.command()
@click.argument("whom")
def greet(whom: str) -> None:
    """Say hello."""
    click.echo(f"hello {whom}")


@click.group(
    cls=LazyGroup,
    commands_at={"greet": f"{__name__}:greet", "gone": "no.such.module:gone"},
    summaries={"greet": "Say hello to somebody.", "gone": "Never imported."},
)
@click.option("--loud", is_flag=True)
def group(loud: bool) -> None:
    """A group of commands."""
    click.echo("LOUD" if loud else "quiet")


def run(*arguments):
    return CliRunner().invoke(group, arguments)


def test_listing_imports_no_command():
    listed = run("--help").output
    assert listed.index("gone") < listed.index("greet")
    assert "Never imported." in listed
    assert "no.such.module" not in sys.modules


def test_a_command_is_imported_when_it_is_called():
    assert run("greet", "you").output == "quiet\nhello you\n"
    assert run("--loud", "greet", "you").output == "LOUD\nhello you\n"
    with pytest.raises(ModuleNotFoundError):
        group.main(["gone"], standalone_mode=False)


def test_a_command_that_is_not_there_is_no_command():
    assert group.get_command(click.Context(group), "nobody") is None


@pytest.mark.parametrize(
    ("name", "said"),
    [("gret", "Did you mean 'greet'?"), ("xyz", "Known: greet, gone.")],
)
def test_a_misspelt_command_is_answered_with_what_was_meant(name, said):
    done = run(name)
    assert (done.exit_code, f"no command named {name!r}. {said}" in done.output) == (2, True)


def test_a_misspelt_option_is_not_taken_for_a_command():
    done = run("--luod", "greet", "you")
    assert done.exit_code == 2
    assert "--loud" in done.output


@pytest.mark.parametrize("module", [main, evaluate])
def test_every_command_has_a_summary_and_can_be_imported(module):
    assert set(module._COMMANDS) == set(module._SUMMARIES)
    for name, summary in module._SUMMARIES.items():
        found = LazyGroup(commands_at=module._COMMANDS, summaries=module._SUMMARIES).get_command(
            click.Context(group), name
        )
        assert isinstance(found, click.Command)
        assert found.help
        assert summary.endswith(".")


def test_help_of_the_evaluations_loads_no_model_s_library():
    program = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from rag_router.cli.main import cli\n"
        "for command in [], ['gates'], ['answers'], ['conflict'], ['filters'], ['routing']:\n"
        "    done = CliRunner().invoke(cli, ['eval', *command, '--help'])\n"
        "    assert done.exit_code == 0, done.output\n"
        "    print(*sorted({'torch', 'sklearn', 'matplotlib'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n" * 6
