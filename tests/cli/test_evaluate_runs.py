"""Whole evaluations of a scripted model in a small home: what they find, keep and ask again."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from documented_figures import (
    CONFLICT,
    FILTERS,
    GATES,
    POLICIES,
    ROUTERS,
    assert_documented_figures,
)
from little_house import parts, write_jsonl
from watched import WatchedModel, expert_of

from rag_router.cli.evaluate.answers import run_policies
from rag_router.cli.evaluate.common import read_data
from rag_router.cli.evaluate.conflict import run_conflict
from rag_router.cli.evaluate.filters import run_filters
from rag_router.cli.evaluate.gates import run_gates
from rag_router.cli.evaluate.routing import run_routing
from rag_router.decoders import DECODERS
from rag_router.errors import DataError, ModelError, UsageError
from rag_router.eval.conflict import conflict_summary
from rag_router.eval.filtering import filter_summary
from rag_router.eval.gates import gate_summary
from rag_router.eval.policy_report import policy_summary
from rag_router.eval.routing import routing_summary
from rag_router.models.scripted import Reply
from rag_router.settings import Component, GeneratorSettings, Settings

# The even numbers are known from memory, to 0.9; the others are guessed, and looked up.
VALVE = "How often is the Larkspur valve calibrated?"
GATE = Component(name="confidence", threshold=0.5)


def script(prompt):
    asked = prompt.rpartition("Question: ")[2].split("\n")[0]
    if "Larkspur" in asked:
        return Reply("90 days" if "every 90 days" in prompt else "weekly", 0.4)
    if "from its passages" in prompt:
        shown = prompt.rpartition("\n\n")[2]
        if "It is city" in shown:
            return Reply(shown.rpartition("It is ")[2].split(".")[0], 0.8)
        return Reply("nothing of it", 0.8)
    number = int("".join(letter for letter in asked if letter.isdigit()) or 1)
    return Reply(f"city {number if number % 2 == 0 else 99}", 0.9 if number % 2 == 0 else 0.3)


def row(n, *, id_=None, passages=True, answer=None):
    """A question whose answer is "city n", with a true passage and one that says "city 50n"."""
    kinds = (("original", n), ("counterfactual", 50 * n + 7)) if passages else ()
    return {
        "id": id_ or f"q{n}",
        "question": f"which city is number {n}?",
        "answers": [answer or f"city {n}"],
        "contexts": [
            {"id": f"{kind}{n}", "title": "", "text": f"It is city {city}.", "kind": kind}
            for kind, city in kinds
        ],
        "meta": {"counterfactual_answers": [f"city {50 * n + 7}"]} if passages else {},
    }


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def data(tmp_path):
    numbers = count(1)

    def data(*rows):
        folder = tmp_path / f"set{next(numbers)}"
        folder.mkdir()
        path = write_jsonl(folder / "questions.jsonl", rows)
        return read_data([str(path)], limit=None, held_out=False)

    return data


def settings_in(home, **more):
    usual = {"gate": GATE, "generator": GeneratorSettings(batch_size=2)}
    return Settings(home=home, **(usual | more))


def untimed(value):
    """A summary without what differs from run to run."""
    if isinstance(value, dict):
        return {key: untimed(part) for key, part in value.items() if "ms" not in key.split("_")}
    return value


def after_dying(evaluate, *, lasts):
    """What an evaluation finds by a model that breaks down again and again; how often it began."""
    for lives in range(1, 100):
        model = WatchedModel(script, lasts=lasts)
        try:
            return evaluate(model), lives
        except ModelError:
            assert model.prefills == lasts
    raise AssertionError("it never came to an end")


# --- gates --------------------------------------------------------------------------------------

TWELVE = [row(n) for n in range(1, 13)]


def gates(home, data, model, *, names=("confidence", "profile", "always", "never"), **more):
    expert = expert_of(model)
    settings = more.pop("settings", settings_in(home))
    run, manifest = run_gates(settings, expert.name, data, names=names, expert=expert, **more)
    return gate_summary(run), manifest


def test_gates_are_judged_on_the_model_s_own_answers(home, data):
    summary, manifest = gates(home, data(*TWELVE), WatchedModel(script))
    assert_documented_figures(summary, "gates", GATES)
    # Every other city is known, and the gates can tell.
    assert (summary["n"], summary["closed_book_accuracy"]) == (12, 0.5)
    assert summary["gates"]["confidence"]["auroc"] == 1
    assert summary["gates"]["always"]["auroc"] == 0.5
    assert summary["gates"]["confidence"]["extra_decode_steps"] > 0
    assert summary["gates"]["never"]["extra_decode_steps"] == 0
    assert manifest["data"] == [
        {"file": "questions.jsonl", "sha256": manifest["data"][0]["sha256"], "rows": 12}
    ]


def test_gates_asked_again_ask_the_model_for_nothing(home, data):
    asked = data(*TWELVE)
    first, _ = gates(home, asked, WatchedModel(script))
    again, _ = gates(home, asked, WatchedModel(script, lasts=0))
    # The prices too are those that were watched.
    assert again == first


def test_gates_that_die_go_on_where_they_were(home, data):
    asked = data(*TWELVE)
    whole, _ = gates(home / "other", asked, WatchedModel(script))
    # Labels take six batches, and so does judging; a price is watched on five, all or none.
    resumed, lives = after_dying(lambda model: gates(home, asked, model)[0], lasts=6)
    assert untimed(resumed) == untimed(whole)
    assert lives > 3


def test_without_the_cache_nothing_is_taken_and_nothing_is_kept(home, data):
    asked = data(*TWELVE)
    gates(home, asked, WatchedModel(script), use_cache=False)
    assert not home.exists()
    gates(home, asked, WatchedModel(script))
    model = WatchedModel(script)
    gates(home, asked, model, use_cache=False)
    assert model.read(asked.questions[0].text) > 0


def test_a_gate_of_the_settings_has_its_options_and_is_not_taken_for_another(home, data):
    asked = data(*TWELVE)
    lax, strict = (
        gates(
            home,
            asked,
            WatchedModel(script),
            settings=settings_in(home, gate=Component(name="confidence", threshold=threshold)),
        )[0]["gates"]["confidence"]["retrieval_rate"]
        for threshold in (0.1, 0.95)
    )
    assert (lax, strict) == (0, 1)


def test_two_sets_that_use_the_same_ids_are_told_apart(home, data, tmp_path):
    one = data(*(row(n, id_=f"same{n // 2}") for n in range(2, 42, 2)))
    other = data(*(row(n, id_=f"same{n // 2}") for n in range(1, 41, 2)))
    both = read_data([*one.paths, *other.paths], limit=None, held_out=False)
    scores = write_jsonl(
        tmp_path / "scores.jsonl",
        [{"id": q.id, "estimators": {"P": n}} for n, q in enumerate(both.questions)],
    )
    expert = expert_of(WatchedModel(script))
    run, _ = run_gates(
        settings_in(home), expert.name, both, names=("always",), scores=scores, expert=expert
    )
    # All of the first set are known, none of the second; P grows along both.
    assert [one.right for one in run.labelled] == [True] * 20 + [False] * 20
    assert run.peers["P"].tolist() == [-n for n in range(40)]
    # Five batches of two are watched for the price, whatever they are called.
    assert len(run.prices) == 1


def test_scores_of_other_questions_are_told_before_anybody_is_asked(home, data, tmp_path):
    scores = write_jsonl(tmp_path / "scores.jsonl", [{"id": "z", "estimators": {"P": 1}}])
    with pytest.raises(DataError, match="no scores for 12 of 12"):
        gates(home, data(*TWELVE), WatchedModel(script, lasts=0), scores=scores)


# --- answers ------------------------------------------------------------------------------------

ASKED = [row(n) for n in range(1, 7)] + [{"id": "v", "question": VALVE, "answers": ["90 days"]}]


@pytest.fixture
def answers(home, tmp_path):
    """The service with its two small indexes, of which the handbook tells of the valve."""
    house = parts(tmp_path)

    def answers(data, model, *, names=(), settings=None, **more):
        run, manifest = run_policies(
            settings or settings_in(home),
            data,
            names=names,
            parts=replace(house, expert=expert_of(model)),
            **more,
        )
        return policy_summary(run), manifest

    return answers


def test_policies_are_compared_on_one_service(answers, data):
    summary, manifest = answers(data(*ASKED), WatchedModel(script), names=("always",))
    assert_documented_figures(summary, "policies", POLICIES)
    policies = summary["policies"]
    assert list(policies) == ["never", "always", "gate", "gate always", "random", "oracle"]
    # From memory the three even cities; the valve has to be looked up.
    assert policies["never"]["accuracy"] == round(3 / 7, 4)
    assert policies["gate"]["accuracy"] == policies["oracle"]["accuracy"] == round(4 / 7, 4)
    assert (policies["never"]["retrieval_rate"], policies["always"]["retrieval_rate"]) == (0, 1)
    assert policies["gate always"]["accuracy"] == policies["always"]["accuracy"]
    assert manifest["extra"]["indexes"] == {"handbook": 1, "towns": 1}
    assert summary["skipped"] == {"popularity": "not every question says how popular its entity is"}


def test_policies_asked_again_ask_the_model_for_nothing(answers, data):
    asked = data(*ASKED)
    first, _ = answers(asked, WatchedModel(script))
    again, _ = answers(asked, WatchedModel(script, lasts=0))
    assert again == first


def test_policies_that_die_go_on_where_they_were(answers, data, home):
    asked = data(*ASKED)
    whole, _ = answers(asked, WatchedModel(script), settings=settings_in(home / "other"))
    resumed, lives = after_dying(lambda model: answers(asked, model)[0], lasts=2)
    assert untimed(resumed) == untimed(whole)
    # Four batches without retrieval and four with, of which each life keeps at least one.
    assert 4 <= lives <= 8


def test_policies_without_the_cache_keep_and_take_nothing(answers, data, home):
    asked = data(*ASKED)
    answers(asked, WatchedModel(script), use_cache=False)
    assert not (home / "outcomes.sqlite").exists()
    answers(asked, WatchedModel(script))
    model = WatchedModel(script)
    answers(asked, model, use_cache=False)
    assert model.prefills


def test_a_service_with_another_threshold_is_not_served_what_was_kept(answers, data, home):
    asked = data(*ASKED)
    answers(asked, WatchedModel(script))
    model = WatchedModel(script)
    settings = settings_in(home, gate=Component(name="confidence", threshold=0.2))
    answers(asked, model, settings=settings)
    assert model.prefills


# --- conflict -----------------------------------------------------------------------------------

SIX = [row(n) for n in range(1, 7)]


def conflict(home, data, model, **more):
    settings = more.pop("settings", settings_in(home))
    run = run_conflict(settings, expert_of(model), data, **more)
    return run, conflict_summary(run)


def test_all_decoders_that_can_take_part_do_and_the_others_say_why_not(home, data):
    run, summary = conflict(home, data(*SIX), WatchedModel(script))
    # What contrasts two scripts may end in letters of both, which are nobody's answer.
    neither = {
        name: frozenset({"memorization_ratio"})
        for name, one in summary["strategies"].items()
        if name != "plain" and "memorization_ratio" not in one
    }
    assert_documented_figures(summary, "strategies", CONFLICT, without=neither)
    assert summary["n"] == 6 * 3
    assert summary["counts"] == {"contested": 6, "gold": 6, "irrelevant": 6, "known": 3}
    plain = summary["strategies"]["plain"]
    assert (plain["follows_context"], plain["follows_memory"], plain["gold"]) == (1, 0, 1)
    # It says another question's city, and turns what was known wrong.
    assert (plain["irrelevant"], plain["harmed"]) == (0, 1)
    assert set(run.answers) == set(DECODERS)
    assert "skipped" not in summary


def test_plain_decoding_takes_part_whoever_is_named(home, data):
    _, summary = conflict(home, data(*SIX), WatchedModel(script), names=("context_aware",))
    assert list(summary["strategies"]) == ["plain", "context_aware"]
    assert "skipped" not in summary


class OneStreamModel(WatchedModel):
    """Shows what comes next, of one prompt at a time."""

    abilities = frozenset({"logits"})


def test_who_reads_what_the_model_does_not_show_is_left_out_and_says_why(home, data):
    run, summary = conflict(home, data(*SIX), OneStreamModel(script))
    assert "plain" in run.answers
    assert summary["skipped"]["context_aware"] == "reads streams, which scripted does not show"
    assert not set(run.answers) & set(summary["skipped"])


def test_who_is_named_and_cannot_take_part_is_refused(home, data):
    with pytest.raises(UsageError, match="'abstaining' reads streams, which scripted does not"):
        conflict(home, data(*SIX), OneStreamModel(script, lasts=0), names=("abstaining",))


def test_the_decoder_of_the_settings_has_its_options(home, data):
    said = []
    for reliance in (0.0, 1.0):
        decoder = Component(name="confidence_gain", reliance=reliance)
        run, _ = conflict(
            home,
            data(*SIX),
            WatchedModel(script),
            names=("confidence_gain",),
            settings=settings_in(home, decoder=decoder),
        )
        said.append(run.answers["confidence_gain"])
    assert said[0] != said[1]


def test_conflicts_asked_again_ask_the_model_for_nothing(home, data):
    asked = data(*SIX)
    _, first = conflict(home, asked, WatchedModel(script))
    _, again = conflict(home, asked, WatchedModel(script, lasts=0))
    assert again == first


def test_conflicts_that_die_go_on_where_they_were(home, data):
    asked = data(*SIX)
    two = {"names": ("adaptive_contrast",)}
    _, whole = conflict(home / "other", asked, WatchedModel(script), **two)
    # Five batches of four are timed together, with two prefills each.
    resumed, lives = after_dying(lambda model: conflict(home, asked, model, **two)[1], lasts=10)
    assert untimed(resumed) == untimed(whole)
    assert lives > 2


def test_conflicts_without_the_cache_keep_and_take_nothing(home, data):
    asked = data(*SIX)
    only = {"names": ("plain",)}
    conflict(home, asked, WatchedModel(script), use_cache=False, **only)
    assert not home.exists()
    conflict(home, asked, WatchedModel(script), **only)
    model = WatchedModel(script)
    conflict(home, asked, model, use_cache=False, **only)
    assert model.prefills


def test_further_questions_are_harmed_where_memory_knows_them(home, data):
    harm = data(row(20, passages=False), row(21, passages=False))
    run, summary = conflict(home, data(*SIX), WatchedModel(script), harm=harm, names=("plain",))
    asked = [one.question.id for one in run.disputes if one.condition == "irrelevant"]
    # Of the six all take part, of the others the one that is known.
    assert asked == [*(f"q{n}" for n in range(1, 7)), "q20"]
    assert summary["counts"]["known"] == 3 + 1


def test_further_questions_with_the_ids_of_others_are_not_taken_for_them(home, data):
    # q1 is guessed at; the further q1 is known, and the further q2 is guessed at.
    harm = data(row(30, id_="q1", passages=False), row(31, id_="q2", passages=False))
    run, _ = conflict(home, data(row(1), row(2)), WatchedModel(script), harm=harm, names=("plain",))
    found = [
        (one.question.text, memory)
        for one, memory in zip(run.disputes, run.memory, strict=True)
        if one.condition == "irrelevant"
    ]
    assert found == [
        ("which city is number 1?", "city 99"),
        ("which city is number 2?", "city 2"),
        ("which city is number 30?", "city 30"),
    ]
    assert [run.disputes[n].question.text for n in run.known()] == [
        "which city is number 2?",
        "which city is number 30?",
    ]


def test_a_set_without_true_or_falsified_passages_is_refused_before_anybody_is_asked(home, data):
    with pytest.raises(DataError, match=r"none of 2 questions of .* brings a passage") as caught:
        conflict(
            home,
            data(row(1, passages=False), row(2, passages=False)),
            WatchedModel(script, lasts=0),
        )
    assert "make-conflicts" in caught.value.hint


# --- filters ------------------------------------------------------------------------------------


@pytest.fixture
def filters(home, tmp_path):
    house = parts(tmp_path)

    def filters(data, model, *, settings=None, **more):
        run, manifest = run_filters(
            settings or settings_in(home),
            data,
            parts=replace(house, expert=expert_of(model)),
            **more,
        )
        return filter_summary(run), manifest

    return filters


def valves(*texts):
    return [{"id": f"v{n}", "question": t, "answers": ["90 days"]} for n, t in enumerate(texts)]


VALVES = valves(VALVE, "Larkspur valve: how often?", "Is Oslo on a long Larkspur fjord?")


def test_filters_judge_what_the_retriever_finds(filters, data):
    summary, _ = filters(data(*VALVES), WatchedModel(script))
    unscored = ("none", "instructions", "redundancy", "organise", "sufficiency", "budget")
    without = {name: frozenset({"auroc"}) for name in unscored}
    assert_documented_figures(summary, "filters", FILTERS, without=without)
    names = list(summary["filters"])
    assert (names[0], names[-1]) == ("none", "settings")
    assert {"threshold", "redundancy", "budget"} < set(names)
    assert summary["filters"]["none"]["tokens_kept"] == 1
    assert summary["filters"]["none"]["answer_kept"] == 1


def test_filters_that_ask_a_model_take_part_only_where_they_are_named(filters, data, capsys):
    summary, _ = filters(data(*VALVES), WatchedModel(script))
    assert {"learned", "organise"} < set(summary["filters"])
    assert not {"notes", "knowledge_rise", "cross_encoder"} & set(summary["filters"])
    said = capsys.readouterr().err
    assert "knowledge_rise, notes," in said and "--filter NAME" in said
    named, _ = filters(data(*VALVES), WatchedModel(script), names=("knowledge_rise",))
    assert list(named["filters"]) == ["none", "knowledge_rise", "settings"]
    assert "Left out" not in capsys.readouterr().err


def test_only_the_filters_that_are_named_take_part(filters, data):
    summary, _ = filters(data(*VALVES), WatchedModel(script), names=("budget",))
    assert list(summary["filters"]) == ["none", "budget", "settings"]


def test_a_filter_of_the_settings_has_its_options(filters, data, home):
    some = (Component(name="threshold", min_support=1.0),)
    summary, _ = filters(
        data(*VALVES),
        WatchedModel(script),
        names=("threshold",),
        settings=settings_in(home, filters=some),
    )
    assert summary["filters"]["threshold"]["tokens_kept"] == 0
    assert untimed(summary["filters"]["threshold"]) == untimed(summary["filters"]["settings"])


def test_filters_asked_again_ask_the_model_for_nothing(filters, data):
    asked = data(*VALVES)
    first, _ = filters(asked, WatchedModel(script))
    again, _ = filters(asked, WatchedModel(script, lasts=0))
    assert untimed(again) == untimed(first)


def test_filters_that_die_go_on_where_they_were(filters, data, home):
    asked = data(*valves(*(f"{VALVE} {n}" for n in range(8))))
    whole, _ = filters(asked, WatchedModel(script), use_cache=False)
    resumed, lives = after_dying(lambda model: filters(asked, model)[0], lasts=1)
    # Every life reads one batch.
    assert lives > 3
    assert untimed(resumed) == untimed(whole)


def test_filters_without_the_cache_keep_and_take_nothing(filters, data, home):
    asked = data(*VALVES)
    filters(asked, WatchedModel(script), use_cache=False)
    assert not (home / "outcomes.sqlite").exists()
    filters(asked, WatchedModel(script))
    model = WatchedModel(script)
    filters(asked, model, use_cache=False)
    assert model.prefills


# --- routing ------------------------------------------------------------------------------------


class Weighty(WatchedModel):
    """A model that has so many billions of parameters."""

    def __init__(self, script, *, billions, **more):
        super().__init__(script, **more)
        self.billions = billions

    @property
    def parameters(self):
        return int(self.billions * 1e9)


def odd(prompt):
    """Knows the odd cities, as the usual script knows the even ones."""
    number = int(prompt.rpartition("number ")[2].split("?")[0])
    return Reply(f"city {number}" if number % 2 else "city 99", 0.8 if number % 2 else 0.2)


def routing(home, data, *, lasts=float("inf"), **more):
    models = (
        Weighty(script, billions=1, name="even", lasts=lasts),
        Weighty(odd, billions=3, name="odd", lasts=lasts),
    )
    run, manifest = run_routing(
        settings_in(home), (expert_of(model) for model in models), data, **more
    )
    return run, routing_summary(run), models, manifest


def test_a_question_goes_to_the_model_whose_gate_is_surest(home, data):
    run, summary, _, manifest = routing(home, data(*SIX))
    untimed_rows = dict.fromkeys(
        ("even", "odd", "best_single", "oracle"), frozenset({"ms_per_question"})
    )
    assert_documented_figures(summary, "routers", ROUTERS, without=untimed_rows)
    # 1 to 6: the odd ones to the second model, which is sure of them to 0.8 against 0.3.
    assert run.choices["surest"].tolist() == [1, 0, 1, 0, 1, 0]
    rows = summary["routers"]
    assert (rows["surest"]["accuracy"], rows["oracle"]["accuracy"]) == (1, 1)
    assert rows["even"]["accuracy"] == rows["odd"]["accuracy"] == 0.5
    assert rows["surest"]["regret"] == 0
    assert rows["surest"]["ms_per_question"] > 0
    assert [one["name"] for one in manifest["models"]] == ["even", "odd"]


def test_an_answer_costs_billions_of_parameters_times_tokens(home, data):
    run, *_ = routing(home, data(*SIX))
    # Both read the same bytes and say as many, the second one with three times the parameters.
    small, large = run.cost.T
    said = [len(answer) for answer in run.answers["even"]]
    prompts = small - said
    assert (prompts > 100).all()
    assert large.tolist() == pytest.approx(
        [3 * (p + len(a)) for p, a in zip(prompts, run.answers["odd"], strict=True)]
    )


def test_the_stronger_model_is_preferred_where_it_is_surer(home, data):
    run, *_ = routing(home, data(*SIX, row(8), row(10)))
    # "even" is right five times of eight: preferred where its gate is the surer one.
    assert (run.preference > 0).tolist() == [False, True, False, True, False, True, True, True]


def test_routing_asked_again_asks_nobody_for_anything(home, data):
    asked = data(*SIX)
    _, first, _, _ = routing(home, asked)
    _, again, models, _ = routing(home, asked, lasts=0)
    # What a router takes for a question is what was watched, not how fast a file is read.
    assert again == first
    assert [model.prefills for model in models] == [0, 0]


def test_routing_that_dies_goes_on_where_it_was(home, data):
    asked = data(*SIX)
    _, whole, _, _ = routing(home / "other", asked)
    with pytest.raises(ModelError):
        routing(home, asked, lasts=2)
    _, resumed, models, _ = routing(home, asked)
    assert untimed(resumed) == untimed(whole)
    # Of three batches of labels two were kept.
    assert models[0].prefills == models[1].prefills - 2


def test_routing_without_the_cache_keeps_and_takes_nothing(home, data):
    asked = data(*SIX)
    routing(home, asked, use_cache=False)
    assert not home.exists()
    routing(home, asked)
    *_, models, _ = routing(home, asked, use_cache=False)
    assert all(model.prefills for model in models)


def test_one_model_leaves_nothing_to_choose(home, data):
    run, _ = run_routing(settings_in(home), [expert_of(WatchedModel(script))], data(*SIX))
    with pytest.raises(DataError, match="two models or more"):
        routing_summary(run)
