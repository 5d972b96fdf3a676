"""What `eval answers` prints and draws, of records made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from documented_figures import POLICIES, assert_documented_figures
from stand_ins import question

from rag_router.eval.answering import Record
from rag_router.eval.policy_report import PolicyRun, policy_report, policy_summary
from rag_router.eval.report import read_report, write_report

# For each question: p_know, the answer from memory, the one with retrieval; gold is always "yes".
FOUR = [
    (0.9, "yes", "no"),
    (0.1, "no", "yes"),
    (0.2, "no", "no"),
    (0.8, None, "yes"),
]


def record(p_know, answer, *, mode, threshold=0.5, number=0):
    on = mode == "on"
    return Record(
        answer=answer,
        reason="no_knowledge" if answer is None else "contextual" if on else "parametric",
        confidence=p_know,
        p_know=p_know,
        retrieve=on,
        wanted=p_know < threshold,
        passages=("p",) if on else (),
        prompt_tokens=300 if on else 100,
        completion_tokens=1,
        lm_forward_passes=7 if on else 3,
        retriever_calls=int(on),
        ms=10.0 * number + (5 if on else 1),
    )


def run_of(rows=FOUR, gates=("profile",), thresholds=(0.5, 0.85), **meta):
    return PolicyRun(
        questions=[
            question(f"is it {n}", f"q{n}", answers=("yes",), meta=meta) for n in range(len(rows))
        ],
        records={
            (gate, mode): [
                record(p, said[mode == "on"], mode=mode, threshold=threshold, number=n)
                for n, (p, *said) in enumerate(rows)
            ]
            for gate, threshold in zip(gates, thresholds, strict=False)
            for mode in ("off", "on")
        },
        gates=gates,
    )


def test_every_documented_figure_is_there_and_none_is_null():
    summary = policy_summary(run_of())
    assert_documented_figures(summary, "policies", POLICIES)
    assert (summary["n"], summary["gate"]) == (4, "profile")
    assert {"never", "always", "gate", "oracle", "random"} == set(summary["policies"])


def test_figures_of_four_questions_by_hand():
    policies = policy_summary(run_of())["policies"]
    assert policies["never"]["accuracy"] == 1 / 4
    assert policies["always"]["accuracy"] == 2 / 4
    # The gate looks up the second and the third question, and is right on the first two.
    assert (policies["gate"]["accuracy"], policies["gate"]["retrieval_rate"]) == (2 / 4, 2 / 4)
    assert policies["gate"]["lm_forward_passes"] == (3 + 7 + 7 + 3) / 4
    assert policies["oracle"]["accuracy"] == 3 / 4
    assert (policies["never"]["abstained"], policies["gate"]["abstained"]) == (1 / 4, 1 / 4)
    # As often as the gate, whatever the question: half of each.
    assert policies["random"]["accuracy"] == (1 / 4 + 2 / 4) / 2
    assert policies["random"]["abstained"] == 1 / 8


def test_what_the_gate_saves_is_read_off_its_curve():
    gate = policy_summary(run_of())["policies"]["gate"]
    # Looked up in the order 0.1, 0.2, 0.8, 0.9: 1, 2, 2, 3 and 2 of four are right.
    heights = np.array([1, 2, 2, 3, 2]) / 4
    assert gate["area"] == round(float((heights[1:] + heights[:-1]).sum() / 2 / 4), 4)
    # With one of four looked up as many are right as with all.
    assert gate["retrievals_saved_at_always"] == 3 / 4


def test_popularity_is_skipped_with_a_reason_where_a_question_does_not_say():
    assert policy_summary(run_of())["skipped"] == {
        "popularity": "not every question says how popular its entity is"
    }


def test_popularity_takes_part_where_every_question_says():
    summary = policy_summary(run_of(s_pop=10))
    assert "skipped" not in summary
    assert_documented_figures(summary, "policies", POLICIES)
    assert "popularity" in summary["policies"]


def test_further_gates_are_policies_of_their_own():
    policies = policy_summary(run_of(gates=("profile", "careful")))["policies"]
    # It looks up whatever it knows with less than 0.85: all but the first.
    assert policies["gate careful"]["retrieval_rate"] == 3 / 4
    assert policies["gate careful"]["accuracy"] == 3 / 4
    assert policies["gate"]["retrieval_rate"] == 2 / 4


def test_a_gate_is_judged_by_the_answers_of_its_own_service():
    run = run_of(gates=("profile", "careful"))
    wrong = [replace(one, answer="no") for one in run.records["careful", "on"]]
    spoilt = replace(run, records={**run.records, ("careful", "on"): wrong})
    policies = policy_summary(spoilt)["policies"]
    assert (policies["gate careful"]["accuracy"], policies["gate"]["accuracy"]) == (1 / 4, 2 / 4)


# --- the report ---------------------------------------------------------------------------------


def test_a_row_says_where_the_gate_decided_wrongly_and_where_nobody_was_right():
    report = policy_report(run_of(), {}, title="t")
    # The last one is known to 0.8 and not looked up, but only the passages are right.
    assert [row["gate was wrong"] for row in report.questions] == [False, False, False, True]
    assert [row["nobody was right"] for row in report.questions] == [False, False, True, False]
    assert report.questions[3] == {
        "id": "q3",
        "question": "is it 3",
        "gold": "yes",
        "from memory": "",
        "with retrieval": "yes",
        "p_know": 0.8,
        "looked up": False,
        "never right": False,
        "always right": True,
        "gate was wrong": True,
        "nobody was right": False,
    }
    assert report.summary == policy_summary(run_of())


def test_questions_can_be_left_out_of_a_report():
    report = policy_report(run_of(), {}, title="t", rows=False)
    assert (report.questions, report.flags) == ((), ())


def test_the_table_shows_differences_from_always_beside_the_accuracies():
    (table,) = policy_report(run_of(), {}, title="t").tables
    assert table.columns[:3] == ("policy", "accuracy", "minus always")
    by_name = {row[0]: row for row in table.rows}
    assert by_name["always"][2] is None
    assert by_name["never"][2].value == 1 / 4 - 2 / 4


@pytest.mark.parametrize("times", [1, 6])
def test_a_report_is_written_and_read_back(tmp_path, times):
    # Of fewer than twenty answers no reliability is drawn.
    report = policy_report(run_of(FOUR * times), {}, title="t")
    assert len(report.figures[1].curves) == (0 if times == 1 else 1)
    written = write_report(report, tmp_path / "out")
    assert [path.suffix for path in written] == [".png"] * 3 + [".json", ".html"]
    assert read_report(tmp_path / "out").summary == report.summary


def test_every_policy_has_its_accuracy_on_each_set():
    one = run_of()
    sets = ["odd" if number % 2 else "even" for number in range(len(one.questions))]
    found = policy_summary(replace(one, sets=tuple(sets)))["by_set"]
    never = one.columns()[0]["never"].outcomes.right
    assert found["even"]["n"] + found["odd"]["n"] == len(one.questions)
    assert found["even"]["never"] == pytest.approx(never[::2].mean(), abs=1e-4)
    assert found["odd"]["never"] == pytest.approx(never[1::2].mean(), abs=1e-4)
    assert "by_set" not in policy_summary(one)
