from __future__ import annotations

import pytest
from sample_report import SUMMARY

from rag_router.eval.report import Interval
from rag_router.eval.report.glossary import KINDS, LEADING, Term, term
from rag_router.eval.report.headlines import headlines


def test_numbers_of_the_whole_run_and_the_best_member_come_first():
    tiles = headlines("answers", SUMMARY).tiles
    assert [(tile.label, tile.value) for tile in tiles] == [
        ("Questions", 2000),
        ("Accuracy from memory", 0.1234),
        ("Accuracy, best of policies", Interval(0.4321, 0.41, 0.45)),
    ]
    assert tiles[-1].note == "gate"


def test_members_stand_side_by_side_each_figure_with_its_interval():
    (table,) = headlines("answers", SUMMARY).comparisons
    assert table.title == "Policies"
    assert [one.label for one in table.terms] == ["Accuracy", "Median ms"]
    assert table.rows == (
        ("never", (Interval(0.1111, 0.09, 0.13), 81.53)),
        ("gate", (Interval(0.4321, 0.41, 0.45), 212.4)),
        ("oracle", (0.5432, 33.3)),
    )


def test_the_best_is_marked_whichever_way_is_better_and_never_the_oracle():
    (table,) = headlines("answers", SUMMARY).comparisons
    # Highest accuracy: gate, row 1; lowest median: never, row 0. The oracle has the best of both.
    assert table.best == {(1, 0), (0, 1)}


def test_nobody_is_best_where_all_are_equal_or_neither_way_is_better():
    figures = {"accuracy": 0.5, "retrieval_rate": 0.1}
    members = {"a": figures, "b": figures | {"retrieval_rate": 0.9}}
    found = headlines("answers", {"policies": members})
    assert found.comparisons[0].best == frozenset()
    assert found.tiles == ()


def test_two_that_are_equally_good_are_both_best():
    members = {"a": {"auroc": 0.7}, "b": {"auroc": 0.9}, "c": {"auroc": 0.9}}
    found = headlines("gates", {"gates": members})
    assert found.comparisons[0].best == {(1, 0), (2, 0)}
    assert found.tiles[0].note == "b and c"


def test_a_difference_written_as_three_numbers_is_an_interval():
    members = {"gate": {"accuracy_minus_always": [0.02, -0.01, 0.05]}}
    (table,) = headlines("answers", {"policies": members}).comparisons
    assert table.rows == (("gate", (Interval(0.02, -0.01, 0.05),)),)


def test_a_figure_with_parts_has_a_table_of_its_own():
    members = {
        "p_ik": {"auroc": 0.8, "auroc_by_set": {"nq": 0.7, "popqa": 0.9}},
        "never": {"auroc": 0.5},
    }
    whole, parts = headlines("gates", {"gates": members}).comparisons
    assert whole.rows == (("p_ik", (0.8,)), ("never", (0.5,)))
    assert parts.title == "Gates: AUROC by set"
    assert parts.terms == (Term("nq"), Term("popqa"))
    assert parts.rows == (("p_ik", (0.7, 0.9)),)


def test_whatever_else_there_is_is_listed_under_its_dotted_name():
    summary = {"skipped": {"thrust": "why"}, "pair": {"apgr": 0.5, "cpt": {"50": 0.3}}}
    summary["sizes"] = [1, {"a": 2}]
    assert headlines("gates", summary).others == (
        ("Left out: thrust", "why"),
        ("Pair: apgr", 0.5),
        ("Pair: cpt.50", 0.3),
        ("Sizes: 0", 1),
        ("Sizes: 1.a", 2),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_leads_with_a_figure_that_has_a_better(kind):
    assert kind not in LEADING or term(LEADING[kind]).better


@pytest.mark.parametrize(
    ("key", "label"),
    [("ndcg@10", "nDCG@10"), ("recall@100", "Recall@100"), ("my_own_figure", "My own figure")],
)
def test_a_figure_is_called(key, label):
    assert term(key).label == label


def test_a_key_without_words_is_its_own_name():
    assert (term("").label, term("_").label, term("x@y").label) == ("", "_", "X@y")
