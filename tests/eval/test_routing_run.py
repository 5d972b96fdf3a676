"""Who should answer, by hand: four questions, two models, one router."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from documented_figures import ROUTERS, assert_documented_figures
from stand_ins import question

from rag_router.errors import DataError
from rag_router.eval.report import read_report, write_report
from rag_router.eval.routing import RoutingRun, routing_report, routing_summary

# The small model is right once, the large one three times; it costs four times as much.
RUN = RoutingRun(
    questions=[question(f"question {n}", f"q{n}", answers=("yes",)) for n in range(4)],
    models=("small", "large"),
    right=np.array([[1, 0], [0, 1], [0, 1], [0, 1]], dtype=float),
    cost=np.array([[1, 4], [1, 4], [1, 4], [1, 4]], dtype=float),
    choices={"surest": np.array([0, 1, 0, 1])},
    ms={"surest": 2.5},
    answers={"small": ["yes", "no", "no", "no"], "large": ["no", "yes", "yes", "yes"]},
    preference=np.array([-0.5, 0.75, -0.25, 0.5]),
)


def routers(run=RUN):
    return routing_summary(run)["routers"]


def test_single_models_the_router_and_the_bounds_by_hand():
    found = {name: (row["accuracy"], row["cost"], row["regret"]) for name, row in routers().items()}
    assert found == {
        "small": (1 / 4, 1, 3 / 4),
        "large": (3 / 4, 4, 1 / 4),
        # Small, large, small, large: right, right, wrong, right.
        "surest": (3 / 4, (1 + 4 + 1 + 4) / 4, 1 / 4),
        "best_single": (3 / 4, 4, 1 / 4),
        # The small one where it is right, the large one elsewhere.
        "oracle": (1, (1 + 4 + 4 + 4) / 4, 0),
    }


def test_the_columns_are_choices_of_models():
    columns = {name: chosen.tolist() for name, chosen in RUN.columns().items()}
    assert columns == {
        "small": [0, 0, 0, 0],
        "large": [1, 1, 1, 1],
        "surest": [0, 1, 0, 1],
        "best_single": [1, 1, 1, 1],
        "oracle": [0, 1, 1, 1],
    }


def test_of_models_that_are_equally_right_the_oracle_takes_the_cheapest():
    both = replace(RUN, right=np.ones((4, 2)))
    assert both.columns()["oracle"].tolist() == [0] * 4
    nobody = replace(RUN, right=np.zeros((4, 2)))
    assert nobody.columns()["oracle"].tolist() == [0] * 4


def test_what_money_buys_is_compared_with_mixing_the_models_blindly():
    summary = routing_summary(RUN)
    # From 1/4 for 1 to 3/4 for 4 in a line: the mean height is half way.
    assert summary["zero_router_aiq"] == (1 / 4 + 3 / 4) / 2
    # The router brings 3/4 for 2.5 already: a rise over half of the range, then flat.
    assert summary["routers"]["surest"]["aiq"] == ((1 / 4 + 3 / 4) / 2 + 3 / 4) / 2


def test_a_pair_is_judged_by_how_soon_the_gap_is_closed():
    pair = routing_summary(RUN)["pair"]
    assert (pair["weak"], pair["strong"]) == ("small", "large")
    # Sent to the large one in the order 0.75, 0.5, -0.25, -0.5: right are 1, 2, 3, 4 and 3 of 4.
    heights = np.array([1, 2, 3, 4, 3]) / 4
    area = float((heights[1:] + heights[:-1]).sum() / 2 / 4)
    assert pair["apgr"] == round((area - 1 / 4) / (3 / 4 - 1 / 4), 4)
    # Half of the gap is 1/4 + 1/4, with one question of four; 80 % is 0.65, between one and two.
    assert pair["cpt50"] == 1 / 4
    assert pair["cpt80"] == round(1 / 4 + 1 / 4 * (0.65 - 0.5) / (0.75 - 0.5), 4)


def test_every_documented_figure_is_there_and_none_is_null():
    summary = routing_summary(RUN)
    untimed = frozenset({"ms_per_question"})
    without = dict.fromkeys(("small", "large", "best_single", "oracle"), untimed)
    assert_documented_figures(summary, "routers", ROUTERS, without=without)
    for row in summary["routers"].values():
        low, high = row["accuracy_95"]
        assert low <= row["accuracy"] <= high


@pytest.mark.parametrize(
    "run",
    [
        replace(RUN, preference=None),
        replace(RUN, right=np.ones((4, 2))),  # neither is better
    ],
    ids=["nobody prefers", "no gap"],
)
def test_without_a_preference_or_a_gap_there_is_no_pair(run):
    assert "pair" not in routing_summary(run)


def test_models_of_one_price_have_no_range_of_costs():
    summary = routing_summary(replace(RUN, cost=np.ones((4, 2))))
    assert "zero_router_aiq" not in summary
    assert "aiq" not in summary["routers"]["surest"]


def test_three_models_have_no_pair():
    three = replace(
        RUN,
        models=("small", "large", "huge"),
        right=np.column_stack([RUN.right, np.ones(4)]),
        cost=np.column_stack([RUN.cost, np.full(4, 16.0)]),
        answers={**RUN.answers, "huge": ["yes"] * 4},
    )
    summary = routing_summary(three)
    assert "pair" not in summary
    assert routers(three)["best_single"]["accuracy"] == 1
    assert routers(three)["oracle"]["cost"] == (1 + 4 + 4 + 4) / 4


@pytest.mark.parametrize("columns", [0, 1])
def test_one_model_leaves_nothing_to_choose(columns):
    alone = replace(
        RUN,
        models=RUN.models[:columns],
        right=RUN.right[:, :columns],
        cost=RUN.cost[:, :columns],
    )
    with pytest.raises(DataError, match="two models or more") as caught:
        routing_summary(alone)
    assert "--model" in caught.value.hint


def test_a_row_says_whom_a_question_was_sent_to_and_whether_that_was_wrong():
    report = routing_report(RUN, {}, title="t")
    assert report.questions[2] == {
        "id": "q2",
        "question": "question 2",
        "gold": "yes",
        "small": "no",
        "large": "yes",
        "oracle": "large",
        "surest": "small",
        "surest was wrong": True,
    }
    assert report.flags == ("surest was wrong",)


def test_a_report_is_written_and_read_back(tmp_path):
    report = routing_report(RUN, {}, title="t")
    written = write_report(report, tmp_path / "out")
    assert [path.suffix for path in written] == [".png", ".json", ".html"]
    assert read_report(tmp_path / "out").summary == routing_summary(RUN)
