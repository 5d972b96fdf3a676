"""Figures of gates, worked out by hand on a few questions."""

from __future__ import annotations

import numpy as np
import pytest
from documented_figures import GATES, assert_documented_figures
from stand_ins import question

from rag_router.eval.gates import GateRun, gate_report, gate_summary
from rag_router.eval.judging import Judgement, Price
from rag_router.eval.labels import Labelled
from rag_router.eval.report import read_report, write_report
from rag_router.outcomes import Outcome

PRICE = Price(prefill_tokens=12.5, decode_steps=4.25, ms=1.5, pass_ms=20.0)


def labelled(right):
    return [
        Labelled(
            question(f"question {n}", f"q{n}", answers=("gold",)),
            Outcome("gold" if one else "wrong", (-0.5,)),
            bool(one),
        )
        for n, one in enumerate(right)
    ]


def judgement(p, *, threshold=0.5, fitted=True):
    p = np.array(p, dtype=float)
    return Judgement(p, p < threshold, fitted)


def run_of(right, *gates, names=("good", "bad"), **more):
    given = dict(zip(names, gates, strict=False))
    return GateRun(
        **(
            {
                "labelled": labelled(right),
                "sets": ["one"] * len(right),
                "judgements": given,
                "prices": dict.fromkeys(given, PRICE),
            }
            | more
        )
    )


FOUR = [True, False, True, False]


def test_figures_of_four_questions_by_hand():
    summary = gate_summary(
        run_of(FOUR, judgement([0.9, 0.1, 0.8, 0.6]), judgement([0.1, 0.9, 0.2, 0.8]))
    )
    assert (summary["n"], summary["closed_book_accuracy"]) == (4, 0.5)
    good, bad = summary["gates"]["good"], summary["gates"]["bad"]
    # Every right answer above every wrong one, and the other way round.
    assert (good["auroc"], bad["auroc"]) == (1, 0)
    assert (good["auprc"], bad["auprc"]) == (1, round((1 / 3 + 2 / 4) / 2, 4))
    # Squares of 0.1, 0.1, 0.2 and 0.6; of 0.9, 0.9, 0.8 and 0.8.
    assert good["brier"] == round((0.01 + 0.01 + 0.04 + 0.36) / 4, 4)
    assert bad["brier"] == round((0.81 + 0.81 + 0.64 + 0.64) / 4, 4)
    # Surest first: right, right, wrong, wrong; and wrong, wrong, right, right.
    assert good["aurc"] == round((0 + 0 + 1 / 3 + 2 / 4) / 4, 4)
    assert bad["aurc"] == round((1 + 1 + 2 / 3 + 2 / 4) / 4, 4)
    # One of four lies below 0.5, and 0.6 is kept though it is wrong.
    assert (good["retrieval_rate"], good["decides_right"]) == (1 / 4, 3 / 4)
    assert (bad["retrieval_rate"], bad["decides_right"]) == (2 / 4, 0)


def test_prices_are_shown_as_they_were_watched():
    row = gate_summary(run_of(FOUR, judgement([0.9, 0.1, 0.8, 0.6])))["gates"]["good"]
    assert (row["extra_prefill_tokens"], row["extra_decode_steps"]) == (12.5, 4.25)
    assert (row["ms_per_question"], row["ms_closed_book_pass"]) == (1.5, 20)


def test_every_documented_figure_is_there_and_none_is_null():
    many = [n % 3 == 0 for n in range(60)]
    summary = gate_summary(
        run_of(many, judgement(np.linspace(0.1, 0.9, 60)), skipped={"p_ik": "why"})
    )
    assert_documented_figures(summary, "gates", GATES)
    assert summary["skipped"] == {"p_ik": "why"}
    assert 0 <= summary["closed_book_accuracy"] <= 1


def test_what_was_not_skipped_or_compared_is_not_mentioned():
    assert set(gate_summary(run_of(FOUR, judgement([0.5] * 4)))) == (
        {"n", "closed_book_accuracy", "gates"}
    )


@pytest.mark.parametrize("right", [[True] * 4, [False] * 4])
def test_without_both_kinds_of_answers_there_is_no_order_to_judge(right):
    summary = gate_summary(run_of(right, judgement([0.9, 0.1, 0.8, 0.6])))
    without = {"good": frozenset({"auroc", "auprc"})}
    assert_documented_figures(summary, "gates", GATES, without=without)
    assert "auroc_95" not in summary["gates"]["good"]


def test_of_a_single_right_answer_there_is_no_interval():
    # A draw of sixty misses one question with (59/60)^60 = 0.36: in one draw of three.
    row = gate_summary(run_of([True] + [False] * 59, judgement(np.linspace(0.9, 0.1, 60))))
    assert row["gates"]["good"]["auroc"] == 1
    assert "auroc_95" not in row["gates"]["good"]


def test_of_enough_right_answers_the_interval_holds_the_figure():
    right = np.arange(80) % 2 == 0
    p = np.where(right, 0.6, 0.4) + np.sin(np.arange(80)) / 4
    row = gate_summary(run_of(right, judgement(p)))["gates"]["good"]
    low, high = row["auroc_95"]
    assert 0.5 < low < row["auroc"] < high <= 1


def test_a_set_has_a_row_of_its_own_with_twenty_right_and_twenty_wrong_answers():
    # In "few" 19 are right, in "enough" 20 of 40: in each the gate knows.
    right = [True] * 19 + [False] * 21 + [True] * 20 + [False] * 20
    sets = ["few"] * 40 + ["enough"] * 40
    run = run_of(right, judgement(np.where(right, 0.9, 0.1)), sets=sets)
    assert gate_summary(run)["gates"]["good"]["auroc_by_set"] == {"enough": 1.0}
    table = gate_report(run, {}, title="t").tables[1]
    assert (table.columns, table.rows) == (("gate", "enough"), (("good", 1.0),))


def test_a_single_set_is_not_repeated():
    right = [True] * 30 + [False] * 30
    row = gate_summary(run_of(right, judgement(np.where(right, 0.9, 0.1))))["gates"]["good"]
    assert "auroc_by_set" not in row


def test_peers_are_judged_by_their_order_alone():
    scores = np.array([1000.0, -3.0, 7.0, -2.0])
    run = run_of(FOUR, judgement([0.5] * 4), peers={"Perplexity": scores, "Turned": -scores})
    peers = gate_summary(run)["peers"]
    assert {key: peers["Perplexity"][key] for key in ("auroc", "auprc")} == {"auroc": 1, "auprc": 1}
    assert peers["Turned"]["auroc"] == 0
    assert not {"ece", "brier", "extra_decode_steps"} & peers["Perplexity"].keys()


def test_peers_that_cannot_tell_anything_apart_are_worth_a_coin():
    run = run_of(FOUR, judgement([0.5] * 4), peers={"Constant": np.full(4, -7.0)})
    assert gate_summary(run)["peers"]["Constant"]["auroc"] == 0.5


# --- the report ---------------------------------------------------------------------------------


def test_a_row_says_for_each_question_whether_the_default_gate_decided_wrongly():
    run = run_of(FOUR, judgement([0.9, 0.1, 0.4, 0.6]), names=("profile",), default="profile")
    report = gate_report(run, {"made": "today"}, title="Gates for tiny")
    # 0.4 is looked up though it is known; 0.6 is kept though it is wrong.
    assert [row["gate was wrong"] for row in report.questions] == [False, False, True, True]
    assert report.questions[2] == {
        "id": "q2",
        "question": "question 2",
        "set": "one",
        "answer": "gold",
        "gold": "gold",
        "right": True,
        "p profile": 0.4,
        "gate was wrong": True,
    }
    assert report.flags == ("right", "gate was wrong")
    assert report.summary == gate_summary(run)


def test_where_the_default_gate_takes_no_part_nobody_was_wrong():
    report = gate_report(run_of(FOUR, judgement([0.5] * 4), default="profile"), {}, title="t")
    assert report.flags == ("right",)


def test_questions_can_be_left_out_of_a_report():
    report = gate_report(run_of(FOUR, judgement([0.5] * 4)), {}, title="t", rows=False)
    assert (report.questions, report.flags) == ((), ())


def test_gates_that_are_not_fitted_say_so_and_show_no_reliability():
    run = run_of(FOUR, judgement([0.9, 0.1, 0.8, 0.6], fitted=False))
    report = gate_report(run, {}, title="t")
    assert report.tables[0].rows[0][0] == "good (not fitted)"
    assert report.figures[1].curves == ()
    assert gate_summary(run)["gates"]["good"]["fitted"] is False


@pytest.mark.parametrize(
    "run",
    [
        run_of(FOUR, judgement([0.9, 0.1, 0.8, 0.6]), judgement([0.1, 0.9, 0.2, 0.8])),
        run_of([False], judgement([0.5], fitted=False), peers={"x": np.array([1.0])}),
    ],
    ids=["two gates", "one question"],
)
def test_a_report_is_written_and_read_back(run, tmp_path):
    report = gate_report(run, {}, title="Gates")
    written = write_report(report, tmp_path / "out")
    assert [path.suffix for path in written] == [".png", ".png", ".json", ".html"]
    assert read_report(tmp_path / "out").summary == report.summary
