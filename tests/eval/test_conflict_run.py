"""Whom strategies follow, worked out by hand on a few disputes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from documented_figures import CONFLICT, assert_documented_figures
from stand_ins import passage, question
from watched import WatchedModel, expert_of

from rag_router.decoders.plain import PlainDecoder
from rag_router.errors import DataError
from rag_router.eval.conflict import ConflictRun, conflict_report, conflict_summary
from rag_router.eval.disputes import Dispute, beside_the_point, disputes_of
from rag_router.eval.labels import label
from rag_router.eval.report import read_report, write_report
from rag_router.eval.settling import settle
from rag_router.models.scripted import Reply
from rag_router.models.streams import OneStream
from rag_router.types import Passage


def asked(row, *, gold=("Oslo",), false=("Rome",), id_=None):
    return question(
        f"which city is it, {row}",
        str(row) if id_ is None else id_,
        answers=gold,
        meta={"counterfactual_answers": false},
    )


# Row, condition, what memory says, what plain decoding says; the gold answer is always Oslo, and
# the falsified one Rome.
TABLE = [
    (0, "gold", "Oslo", "Oslo"),
    (1, "gold", "Rome", "Oslo"),
    (2, "gold", "Oslo", "Bern"),
    (3, "gold", "Bergen", "Oslo"),
    (4, "gold", "Lima", "Oslo"),
    (5, "gold", "Lima", "Oslo"),
    (0, "counterfactual", "Oslo", "Rome"),  # follows the passage
    (1, "counterfactual", "Rome", "Rome"),  # memory says the same: left out
    (2, "counterfactual", "Oslo", "Rome"),  # cannot read the true passage: left out
    (3, "counterfactual", "Bergen", "Bergen"),  # follows memory, which is wrong
    (4, "counterfactual", "Lima", "Oslo"),  # says what is true, though memory does not
    (5, "counterfactual", "Lima", "Bern"),  # neither
    (0, "irrelevant", "Oslo", "Oslo"),
    (1, "irrelevant", "Rome", "Bern"),
    (6, "irrelevant", "Oslo", "Oslo"),
    (7, "irrelevant", "Oslo", "Bern"),  # known, and turned wrong
]


def run_of(table=TABLE, **more):
    return ConflictRun(
        **(
            {
                "disputes": [
                    Dispute(row, asked(row), condition, (passage("x"),))
                    for row, condition, _, _ in table
                ],
                "memory": [memory for _, _, memory, _ in table],
                "answers": {"plain": [said for _, _, _, said in table]},
                "ms_per_token": {"plain": 12.25},
            }
            | more
        )
    )


def figures(run=None, name="plain"):
    return conflict_summary(run or run_of())["strategies"][name]


def test_disputes_count_where_the_passage_can_be_read_and_memory_says_something_else():
    # Rows 0, 3, 4 and 5: in row 1 memory says Rome too, in row 2 the true passage is misread.
    contested = run_of().contested()
    assert [run_of().disputes[n].row for n in contested] == [0, 3, 4, 5]


def test_figures_by_hand():
    row = figures()
    assert row["follows_context"] == 1 / 4
    assert row["follows_memory"] == 1 / 4
    # Row 4 says what is true, row 0 what is falsified.
    assert row["memorization_ratio"] == 1 / (1 + 1)
    assert row["gold"] == round(5 / 6, 4)
    assert row["irrelevant"] == 2 / 4
    # Rows 0, 6 and 7 are known from memory, and one of them is turned wrong.
    assert row["harmed"] == round(1 / 3, 4)
    assert row["abstained"] == 0
    assert row["ms_per_token"] == 12.25


def test_who_says_nothing_or_that_it_does_not_know_abstains():
    said = [*run_of().answers["plain"]]
    said[0], said[7], said[15] = "I don't know", "", "unknown"
    run = run_of(answers={**run_of().answers, "shy": said})
    assert figures(run, "shy")["abstained"] == round(3 / 16, 4)


def test_every_documented_figure_is_there_and_none_is_null():
    summary = conflict_summary(run_of(skipped={"abstaining": "why"}))
    assert_documented_figures(summary, "strategies", CONFLICT)
    assert summary["n"] == 16
    assert summary["counts"] == {"contested": 4, "gold": 6, "irrelevant": 4, "known": 3}
    assert summary["skipped"] == {"abstaining": "why"}
    assert "skipped" not in conflict_summary(run_of())


def test_intervals_hold_their_figures():
    row = figures()
    for figure in ("follows_context", "follows_memory", "gold", "irrelevant", "harmed"):
        low, high = row[f"{figure}_95"]
        assert 0 <= low <= row[figure] <= high <= 1


def test_all_strategies_are_counted_on_what_plain_decoding_can_read():
    # It misreads every true passage, and still is counted on the same four rows.
    other = ["Bern"] * 6 + ["Rome"] * 6 + ["Oslo"] * 4
    run = run_of(answers={**run_of().answers, "other": other})
    row = figures(run, "other")
    assert (row["follows_context"], row["follows_memory"], row["gold"]) == (1, 0, 0)
    assert (row["memorization_ratio"], row["harmed"]) == (0, 0)
    assert figures(run) == figures()


def test_without_plain_decoding_nothing_can_be_counted():
    run = run_of(answers={"other": run_of().answers["plain"]})
    with pytest.raises(DataError, match="plain decoding answers right") as caught:
        conflict_summary(run)
    assert "plain" in caught.value.hint


@pytest.mark.parametrize(
    ("conditions", "absent"),
    [
        (
            {"gold", "irrelevant"},
            {"follows_context", "follows_memory", "memorization_ratio"},
        ),
        (
            {"counterfactual", "irrelevant"},  # nothing shows what can be read
            {"follows_context", "follows_memory", "memorization_ratio", "gold"},
        ),
        ({"gold", "counterfactual"}, {"irrelevant", "harmed"}),
    ],
    ids=repr,
)
def test_figures_of_what_was_not_asked_are_absent(conditions, absent):
    run = run_of([line for line in TABLE if line[1] in conditions])
    without = {"plain": frozenset(absent)}
    assert_documented_figures(conflict_summary(run), "strategies", CONFLICT, without=without)
    report = conflict_report(run, {}, title="t")
    for figure in absent - {"memorization_ratio"}:
        assert figure.replace("_", " ") not in report.tables[0].columns


def test_where_no_answer_says_either_there_is_no_memorization_ratio():
    table = [(0, "gold", "Lima", "Oslo"), (0, "counterfactual", "Lima", "Bern")]
    assert "memorization_ratio" not in figures(run_of(table))
    assert run_of(table).memorized("plain") is None


def test_where_memory_knows_nothing_nobody_can_be_harmed():
    row = figures(run_of([(0, "irrelevant", "Lima", "Bern")]))
    assert row["irrelevant"] == 0
    assert "harmed" not in row


def test_an_answer_that_says_both_follows_the_passage():
    table = [(0, "gold", "Oslo", "Oslo"), (0, "counterfactual", "Oslo", "Rome, not Oslo")]
    row = figures(run_of(table))
    assert (row["follows_context"], row["follows_memory"], row["memorization_ratio"]) == (1, 0, 0)


def test_case_and_articles_do_not_make_a_conflict():
    table = [(0, "gold", "the ROME.", "Oslo"), (0, "counterfactual", "the ROME.", "Rome")]
    assert run_of(table).contested().tolist() == []


def test_an_empty_memory_is_followed_by_nobody():
    table = [(0, "gold", "", "Oslo"), (0, "counterfactual", "", "")]
    assert figures(run_of(table))["follows_memory"] == 0


def test_a_memory_of_many_words_is_followed_by_saying_the_same():
    # Only the first twelve words of an answer count, so only they can be asked for.
    long = "it may well be that the city is Bergen or else Trondheim or Bodo or none of them"
    table = [(0, "gold", long, "Oslo"), (0, "counterfactual", long, long)]
    assert figures(run_of(table))["follows_memory"] == 1


def test_questions_of_two_sets_with_one_id_are_not_taken_for_each_other():
    # Both are called "1". The first can be read and is contested, the second is misread.
    disputes = [
        Dispute(row, asked(row, id_="1"), condition, (passage("x"),))
        for row in (0, 1)
        for condition in ("gold", "counterfactual")
    ]
    run = run_of(
        disputes=disputes,
        memory=["Oslo"] * 4,
        answers={"plain": ["Oslo", "Rome", "Bern", "Rome"]},
    )
    assert run.contested().tolist() == [1]


def test_the_same_question_of_two_sets_may_be_falsified_twice():
    disputes = [
        Dispute(row, asked(row, id_="1", false=(false,)), condition, (passage("x"),))
        for row, false in ((0, "Rome"), (1, "Lima"))
        for condition in ("gold", "counterfactual")
    ]
    run = run_of(
        disputes=disputes,
        memory=["Lima"] * 4,
        answers={"plain": ["Oslo", "Rome", "Oslo", "Lima"]},
    )
    # Lima is what memory says anyway.
    assert run.contested().tolist() == [1]


# --- the report ---------------------------------------------------------------------------------


def test_a_row_says_what_was_shown_remembered_and_said():
    report = conflict_report(run_of(), {}, title="t")
    assert report.questions[6] == {
        "id": "0",
        "question": "which city is it, 0",
        "passages": "counterfactual",
        "gold": "Oslo",
        "falsified": "Rome",
        "memory": "Oslo",
        "plain": "Rome",
        "plain was wrong": True,
    }
    assert report.questions[0]["falsified"] == ""
    assert report.flags == ("plain was wrong",)
    assert report.summary == conflict_summary(run_of())
    assert conflict_report(run_of(), {}, title="t", rows=False).questions == ()


def test_a_report_is_written_and_read_back(tmp_path):
    report = conflict_report(run_of(), {}, title="t")
    assert [path.suffix for path in write_report(report, tmp_path / "out")] == (
        [".png", ".json", ".html"]
    )
    assert read_report(tmp_path / "out").summary == report.summary


# --- with a model -------------------------------------------------------------------------------

CITIES = {0: ("Oslo", "Rome"), 1: ("Lima", "Bern"), 2: ("Accra", "Quito")}


def cities():
    """Questions with a true and a falsified passage; memory knows the first and the last."""
    return [
        replace(
            asked(row, gold=(true,), false=(false,)),
            contexts=tuple(
                Passage(id=f"{kind}{row}", title="", text=f"It is {city}.", meta={"kind": kind})
                for kind, city in (("original", true), ("counterfactual", false))
            ),
        )
        for row, (true, false) in CITIES.items()
    ]


def script(prompt):
    row = int(prompt.rpartition("which city is it, ")[2][0])
    if "from its passages" in prompt:
        return Reply(prompt.rpartition("[1] It is ")[2].split(".")[0], 0.9)
    return Reply("Sofia" if row == 1 else CITIES[row][0], 0.8)


def test_reading_and_remembering_are_told_apart_by_a_model_that_does_either():
    expert, questions = expert_of(WatchedModel(script)), cities()
    disputes = disputes_of(questions)
    pool = [one.passages[0] for one in disputes if one.condition == "gold"]
    disputes += beside_the_point(questions, pool)
    memory = [one.outcome.answer for one in label(expert, questions)]
    run = ConflictRun(
        disputes=disputes,
        memory=[memory[one.row] for one in disputes],
        answers=settle({"plain": PlainDecoder(), "memory": OneStream("closed")}, expert, disputes),
    )
    reads, remembers = (figures(run, name) for name in ("plain", "memory"))
    assert (reads["follows_context"], reads["follows_memory"], reads["gold"]) == (1, 0, 1)
    # It says the city of another question, always; two of three were known.
    assert (reads["irrelevant"], reads["harmed"], reads["memorization_ratio"]) == (0, 1, 0)
    assert (remembers["follows_context"], remembers["follows_memory"]) == (0, 1)
    assert remembers["gold"] == remembers["irrelevant"] == round(2 / 3, 4)
    assert (remembers["harmed"], remembers["memorization_ratio"]) == (0, 1)


def test_differences_to_the_others_are_paired():
    # Of the contested rows 0, 3, 4 and 5 plain follows the passage in the first one alone.
    said = [said for _, _, _, said in TABLE]
    always = ["Rome" if one.condition == "counterfactual" else "Oslo" for one in run_of().disputes]
    run = run_of(answers={"plain": said, "auto": always})
    minus = conflict_summary(run)["minus"]["auto"]
    assert list(minus) == ["plain"]
    value, low, high = minus["plain"]["follows_context"]
    assert value == 0.75
    assert 0.0 <= low <= value <= high <= 1.0
    assert minus["plain"]["gold"][0] == pytest.approx(1 / 6, abs=1e-4)
    # Three know, and one of them was turned wrong.
    assert minus["plain"]["harmed"][0] == pytest.approx(-1 / 3, abs=1e-4)
    assert "minus" not in conflict_summary(run, against="typicality")
    assert "minus" not in conflict_summary(run_of())
    report = conflict_report(run, {}, title="t")
    assert [table.title for table in report.tables] == [
        "Strategies",
        "auto minus each other strategy",
    ]
