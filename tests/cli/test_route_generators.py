"""`eval routing` and `route fit-generators` on recorded outcomes, without asking a model."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from documented_figures import ROUTERS, assert_documented_figures
from little_house import write_jsonl

from rag_router.cli.evaluate.routing import routing
from rag_router.cli.route import route
from rag_router.errors import (
    DataError,
    RagRouterError,
    SettingsError,
    UnknownNameError,
    UsageError,
)
from rag_router.experts.routing.loading import load_expert_router
from rag_router.models.scripted_embedder import HashingEmbedder

WORDS = {"law": ("court", "judge", "statute"), "news": ("minister", "election", "strike")}
EMBEDDER = HashingEmbedder(name="all-minilm-l6-v2")


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_ROUTER_HOME", str(tmp_path / "home"))

    def invoke(command, *arguments):
        obj = {"load_embedder": lambda name: HashingEmbedder(name=name)}
        result = CliRunner().invoke(command, [str(a) for a in arguments], obj=obj)
        if isinstance(result.exception, RagRouterError):
            raise result.exception
        assert result.exit_code == 0, (result.output, result.exception)
        return result

    return invoke


@pytest.fixture
def data(tmp_path):
    """A hundred questions of law, which "cheap" knows, and as many of news, which it does not.

    "dear" knows all of news and all but every fifth of law.
    """
    rows = []
    for field, words in WORDS.items():
        for n in range(100):
            known = field == "law"
            rows.append(
                {
                    "id": f"{field}{n}",
                    "question": f"{words[n % 3]} {words[(n + 1) % 3]} {n}",
                    "answers": ["yes"],
                    "meta": {
                        "subject": field,
                        "cheap_correct": known,
                        "dear_correct": not known or n % 5 != 0,
                    },
                }
            )
    return write_jsonl(tmp_path / "recorded.jsonl", rows)


BOTH = ("--recorded", "cheap=0.25", "--recorded", "dear=25")


def test_routers_that_learn_are_judged_on_what_they_did_not_learn_from(call, data):
    asked = [w for name in ("domain", "neighbours", "random") for w in ("--router", name)]
    found = json.loads(call(routing, "--data", data, *BOTH, *asked, "--json").stdout)
    untimed = frozenset({"ms_per_question"})
    without = dict.fromkeys(("cheap", "dear", "best_single", "oracle"), untimed)
    assert_documented_figures(found, "routers", ROUTERS, without=without)
    assert found["n"] + found["learned_from"] == 200
    rows = found["routers"]
    # The dear one is right on 90 of 100 and the cheap one on half: the domain tells which to ask.
    assert rows["domain"]["accuracy"] == rows["oracle"]["accuracy"] == 1
    assert rows["domain"]["minus_best_single"][1] > 0
    assert rows["domain"]["cost"] < rows["dear"]["cost"]
    assert rows["domain"]["apgr"] > 0.9
    low, high = rows["domain"]["apgr_95"]
    assert low <= rows["domain"]["apgr"] <= high
    assert rows["random"]["minus_best_single"][2] < 0
    assert rows["domain"]["aiq"] > found["zero_router_aiq"]
    # Cost: 220 tokens at a quarter and at 25 of a million.
    assert rows["cheap"]["cost"] == round(220 * 0.25 / 1e6, 4)
    assert rows["dear"]["cost"] == round(220 * 25 / 1e6, 4)


def test_without_a_router_the_bounds_alone_are_shown(call, data):
    found = json.loads(call(routing, "--data", data, *BOTH, "--json").stdout)
    assert list(found["routers"]) == ["cheap", "dear", "best_single", "oracle"]
    assert found["n"] == 200
    shown = call(routing, "--data", data, *BOTH).stdout
    assert "above the best single" in shown


def test_a_router_is_fitted_shown_and_judged_again(call, data, tmp_path):
    out = tmp_path / "router"
    fitted = call(
        route, "fit-generators", "neighbours", "--data", data, *BOTH, "--out", out, "--json"
    )
    card = json.loads(fitted.stdout)
    assert card["method"] == "expert_router/neighbours"
    assert card["notes"]["experts"] == ["cheap", "dear"]
    assert card["metrics"]["above_best_single_low"] > 0
    router = load_expert_router(out, EMBEDDER.fingerprint)
    assert router.experts == ("cheap", "dear")
    assert json.loads(call(route, "show", out, "--json").stdout)["metrics"] == card["metrics"]
    held = ("--held-out", "--router", out, "--json")
    judged = json.loads(call(routing, "--data", data, *BOTH, *held).stdout)
    assert "learned_from" not in judged
    assert judged["n"] == card["notes"]["held_out"]
    assert judged["routers"]["router"]["accuracy"] == card["metrics"]["accuracy"]


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ((), UsageError, "nobody is named"),
        ((*BOTH, "--model", "a"), UsageError, "both kinds of experts"),
        (("--recorded", "cheap"), UsageError, "nobody to choose beside cheap"),
        ((*BOTH[:3], "dear=much"), UsageError, "'much' is no price"),
        ((*BOTH, "--router", "neighbors"), UnknownNameError, "neighbors"),
        (("--recorded", "one", "--recorded", "two"), DataError, "holds one_correct"),
        ((*BOTH, "--router", "self_knowledge"), DataError, "nobody asked"),
    ],
)
def test_what_cannot_be_judged_is_told(call, data, more, error, said):
    with pytest.raises(error, match=said):
        call(routing, "--data", data, *more)


def test_what_has_nothing_to_learn_is_not_fitted(call, data, tmp_path):
    with pytest.raises(UsageError, match="'random' has nothing to fit"):
        call(route, "fit-generators", "random", "--data", data, *BOTH, "--out", tmp_path / "r")
    with pytest.raises((UnknownNameError, SettingsError), match="nobodys"):
        call(route, "fit-generators", "nobodys", "--data", data, *BOTH, "--out", tmp_path / "r")
