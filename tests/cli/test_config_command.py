from __future__ import annotations

from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "settings.toml"


@pytest.fixture
def check(run, tmp_path):
    def check(text: str, *options: str):
        path = tmp_path / "a.toml"
        path.write_text(text, encoding="utf-8")
        return run("config", "check", path, *(options or ("--settings-only",)))

    return check


def test_what_is_written_in_the_example_is_fine(run):
    alone = ("config", "check", EXAMPLE, "--settings-only")
    assert run(*alone).out == f"{EXAMPLE} is fine.\n"
    assert run(*alone, "--json").json == {"path": str(EXAMPLE), "ok": True, "findings": []}


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ('\n[generator]\nmodle = "x"\n', "a.toml:3: no setting is called", "Did you mean 'model'?"),
        ("[generator]\nbatch_size = 0\n", "a.toml:2: generator.batch_size", ""),
        ("[generator\n", "a.toml is not valid TOML", ""),
        ('[gate]\nname = "confidense"\n', "no gate named", "Did you mean 'confidence'?"),
        (
            '[gate]\nname = "confidence"\ntreshold = 0.4\n',
            "gate 'confidence': treshold",
            "Did you mean 'threshold'?",
        ),
        ('[gate]\nname = "confidence"\nthreshold = 1.5\n', "gate 'confidence': threshold", ""),
        ('[gate]\nname = "always"\nartefact = "a"\n', "gate 'always': artefact", "prior"),
        ('[decoder]\nname = "plain"\nalpha = 1\n', "decoder 'plain': alpha", ""),
        ('[[filters]]\nname = "budget"\ntoken = 9\n', "filter 'budget': token", "'tokens'"),
        ('[[filters]]\nname = "budget"\nartefact = "a"\n', "filter 'budget': artefact", ""),
        ('[retriever]\nname = "fused"\nmembers = ["dens"]\n', "no retriever named", "'dense'"),
        ("[trust]\nwiki = 1.5\n", "a.toml:2: trust.wiki: ", "saw 1.5"),
        ("[limits]\nanswer_seconds = 0\n", "a.toml:2: limits.answer_seconds: ", "saw 0"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_work(check, text, said, hint):
    err = check(text).refused(2)
    assert said in err
    assert hint in err


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[gate]\nname = "confidence"\nartefact = "fitted/gate"\nthreshold = 0.4\n',
        '[decoder]\nname = "adaptive_contrast"\nartefact = "fitted/decoder"\n',
        '[[filters]]\nname = "threshold"\nartefact = "fitted/filter"\n',
        "[trust]\nwiki = 0.5\ngiven = 0\n[limits]\nanswer_seconds = 30\n",
    ],
)
def test_good_files_are_fine_and_artefacts_may_be_named_where_something_is_learned(check, text):
    assert check(text).code == 0


def test_a_missing_file_is_a_usage_error(run, tmp_path):
    assert "none.toml" in run("config", "check", tmp_path / "none.toml").refused(2)


def test_an_environment_variable_that_is_wrong_is_named(run, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_GENERATOR__BATCH_SIZE", "none")
    assert "RAG_ROUTER_GENERATOR__BATCH_SIZE" in run("config", "show").refused(2)


def test_the_settings_in_force_are_shown_as_json_with_and_without_the_flag(
    run, tmp_path, monkeypatch
):
    monkeypatch.setenv("RAG_ROUTER_GATE__THRESHOLD", "0.3")
    shown = run("config", "show", "--config", EXAMPLE).json
    assert shown["gate"]["threshold"] == 0.3
    assert shown["home"] == str(tmp_path / "home")
    assert shown["decoder"] == {"name": "plain"}
    assert shown["filters"][2] == {"name": "redundancy", "threshold": 0.6}
    assert run("config", "show", "--config", EXAMPLE, "--json").json == shown
