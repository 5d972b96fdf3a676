"""What filters keep, by hand on three questions; what is answered from it; what is kept of that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from documented_figures import FILTERS, assert_documented_figures
from stand_ins import hit, question
from watched import WatchedModel, expert_of

from rag_router.errors import ModelError
from rag_router.eval.filtering import FilterRun, evaluate_filters, filter_report, filter_summary
from rag_router.eval.report import read_report, write_report
from rag_router.filters.budget import BudgetFilter
from rag_router.filters.threshold import ThresholdFilter
from rag_router.models.scripted import Reply
from rag_router.outcomes import OutcomeCache

ASKED = [
    question("who wrote hamlet", "1", answers=("Shakespeare",)),
    question("what flows through Rome", "2", answers=("Tiber", "the Tiber")),
    question("who knows", "3", answers=("nobody",)),
]
# Texts of 24, 24; 24, 24; 12 characters, which the scripted model reads as so many tokens.
HITS = [
    [
        hit("Shakespeare wrote Hamlet", "a", similarity=0.9),
        hit("Marlowe wrote something.", "b", rank=2, similarity=0.2),
    ],
    [
        hit("The Nile is another one.", "c", similarity=0.6),
        hit("The Tiber runs in Italy.", "d", rank=2, similarity=0.4),
    ],
    [hit("Bees do hum.", "e", similarity=0.5)],
]
# Unfitted, so that the support is (1 + cosine) / 2.
STRICT = (ThresholdFilter(min_support=0.75),)


def script(prompt):
    asked = prompt.rpartition("Question: ")[2]
    shown = prompt.rpartition("\n\n")[2]
    if "hamlet" in asked:
        return Reply("Shakespeare" if "Shakespeare wrote" in shown else "Marlowe")
    if "Rome" in asked:
        return Reply("the Tiber" if "Tiber" in shown else "the Nile")
    return Reply("bees" if "Bees" in shown else "nobody")


def run_of(chains=None, model=None, asked=ASKED, hits=HITS, **more):
    return evaluate_filters(
        chains or {"none": (), "strict": STRICT},
        expert_of(model or WatchedModel(script)),
        asked,
        hits,
        **more,
    )


def test_what_is_kept_and_answered_by_hand():
    run = run_of()
    # Supports 0.95, 0.6; 0.8, 0.7; 0.75.
    kept = [[j.hit.passage.id for j in one.kept] for one in run.evidence["strict"]]
    assert kept == [["a"], ["c"], ["e"]]
    assert list(run.answers["strict"]) == ["Shakespeare", "the Nile", "bees"]
    assert list(run.answers["none"]) == ["Shakespeare", "the Tiber", "bees"]


def test_figures_by_hand():
    summary = filter_summary(run_of())
    none, strict = summary["filters"]["none"], summary["filters"]["strict"]
    assert summary["n"] == 3
    assert (none["tokens_kept"], strict["tokens_kept"]) == (
        1,
        round((24 + 24 + 12) / (24 + 24 + 24 + 24 + 12), 4),
    )
    # The hits of the first two questions hold an answer; of the second it was dropped.
    assert (none["answer_kept"], strict["answer_kept"]) == (1, 1 / 2)
    assert (none["answer_accuracy"], strict["answer_accuracy"]) == (
        round(2 / 3, 4),
        round(1 / 3, 4),
    )
    # Those that hold an answer have 0.95 and 0.7, the others 0.6, 0.8 and 0.75: four of six pairs
    # are in order.
    assert strict["auroc"] == round((3 + 1) / 6, 4)
    for row in (none, strict):
        low, high = row["answer_accuracy_95"]
        assert low <= row["answer_accuracy"] <= high


def test_every_documented_figure_is_there_and_none_is_null():
    summary = filter_summary(run_of())
    # Nobody gave a score where nothing was filtered.
    without = {"none": frozenset({"auroc"})}
    assert_documented_figures(summary, "filters", FILTERS, without=without)


def test_scores_of_one_kind_of_passages_have_no_order():
    summary = filter_summary(run_of(asked=ASKED[2:], hits=HITS[2:]))
    assert "auroc" not in summary["filters"]["strict"]
    assert "answer_kept" not in summary["filters"]["strict"]


def test_where_nothing_was_found_no_share_of_it_was_kept():
    summary = filter_summary(run_of(hits=[[], [], []]))
    row = summary["filters"]["strict"]
    assert not {"auroc", "tokens_kept", "answer_kept"} & row.keys()
    # From memory it says Marlowe, the Nile and nobody.
    assert row["answer_accuracy"] == round(1 / 3, 4)


def test_an_answer_that_is_cut_off_is_lost_and_a_passage_is_judged_whole():
    text = "Rome has seven hills. The Tiber flows through Rome."
    hits = [[hit(text, similarity=0.5)], [hit("Bees hum.", similarity=0.4)]]
    chain = (ThresholdFilter(min_support=0.1), BudgetFilter(tokens=30))
    row = filter_summary(run_of({"cut": chain}, asked=ASKED[1:], hits=hits))["filters"]["cut"]
    assert row["answer_kept"] == 0
    # What was to be judged holds the answer, and had the higher score.
    assert row["auroc"] == 1
    assert row["tokens_kept"] == round((21 + 9) / (51 + 9), 4)


def test_without_a_passage_the_question_is_asked_from_memory():
    model = WatchedModel(script)
    run_of({"all": (ThresholdFilter(min_support=1.0),)}, model)
    assert len(model.prompts) == 3
    assert not any("from its passages" in prompt for prompt in model.prompts)


# --- what is kept -------------------------------------------------------------------------------

SIX = [question(f"who wrote hamlet {n}", str(n), answers=("Shakespeare",)) for n in range(6)]
SIX_HITS = [HITS[0]] * 6


@pytest.fixture
def cache(tmp_path):
    cache = OutcomeCache(tmp_path / "outcomes.sqlite")
    yield cache
    cache.close()


def six(model, chains=None, **more):
    return run_of(chains, model, SIX, SIX_HITS, batch_size=2, **more)


def same(one: FilterRun, other: FilterRun) -> bool:
    return replace(one, ms={}) == replace(other, ms={})


def test_a_run_that_dies_loses_no_more_than_the_batch_it_was_at(cache):
    # Three batches for each chain: the second chain fails at its second batch.
    with pytest.raises(ModelError):
        six(WatchedModel(script, lasts=4), cache=cache)
    model = WatchedModel(script)
    assert same(six(model, cache=cache), six(WatchedModel(script)))
    assert len(model.prompts) == 12 - 4 * 2


def test_what_was_read_once_asks_the_model_for_nothing(cache):
    first = six(WatchedModel(script), cache=cache)
    assert same(six(WatchedModel(script, lasts=0), cache=cache), first)


def test_filters_that_keep_the_same_ask_once(cache):
    model = WatchedModel(script)
    six(model, {"one": STRICT, "other": (ThresholdFilter(min_support=0.74),)}, cache=cache)
    assert len(model.prompts) == 6


def test_a_filter_that_keeps_something_else_is_asked_anew(cache):
    six(WatchedModel(script), {"it": STRICT}, cache=cache)
    model = WatchedModel(script)
    six(model, {"it": (ThresholdFilter(min_support=0.5),)}, cache=cache)
    assert len(model.prompts) == 6


def test_without_a_cache_everything_is_asked_again(cache):
    six(WatchedModel(script), cache=cache)
    model = WatchedModel(script)
    six(model)
    assert len(model.prompts) == 12


# --- the report ---------------------------------------------------------------------------------


def test_a_row_says_what_was_answered_and_whether_that_was_wrong():
    report = filter_report(run_of(), {}, title="t")
    assert report.questions[1] == {
        "id": "2",
        "question": "what flows through Rome",
        "gold": "Tiber",
        "none": "the Tiber",
        "strict": "the Nile",
        "none was wrong": False,
        "strict was wrong": True,
    }
    assert report.flags == ("none was wrong", "strict was wrong")


@pytest.mark.parametrize("hits", [HITS, [[], [], []]], ids=["found", "nothing"])
def test_a_report_is_written_and_read_back(tmp_path, hits):
    report = filter_report(run_of(hits=hits), {}, title="t")
    assert [path.suffix for path in write_report(report, tmp_path / "out")] == [".json", ".html"]
    assert read_report(tmp_path / "out").summary == report.summary
