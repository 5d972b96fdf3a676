from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import DataError, UnknownNameError
from rag_router.eval.metrics.ranking import ranking_by_query, ranking_figures

QRELS = {"q1": {"a": 2, "b": 1, "c": 0}, "q2": {"x": 1}}
RUN = {"q1": {"c": 3.0, "a": 2.0, "z": 1.0}, "q3": {"x": 1.0}}


def test_figures_of_one_query_by_hand():
    # Ranked c, a, z: relevance 0, 2, 0; ideal is 2, 1.
    found = ranking_by_query(
        {"q1": RUN["q1"]},
        {"q1": QRELS["q1"]},
        ["ndcg@10", "recall@10", "mrr@10", "precision@2", "success@1", "success@2", "map"],
    )
    ideal = 2 / math.log2(1 + 1) + 1 / math.log2(1 + 2)
    by_hand = {
        "ndcg@10": 2 / math.log2(1 + 2) / ideal,
        "recall@10": 1 / 2,
        "mrr@10": 1 / 2,
        "precision@2": 1 / 2,
        "success@1": 0.0,
        "success@2": 1.0,
        # Precision 1/2 at rank 2, the only one of two relevant documents that was found.
        "map": (1 / 2) / 2,
    }
    assert found == {name: {"q1": pytest.approx(value)} for name, value in by_hand.items()}


def test_a_judged_query_without_results_counts_zero_and_an_unjudged_one_nothing():
    assert ranking_by_query(RUN, QRELS, ["recall@10"]) == {"recall@10": {"q1": 1 / 2, "q2": 0.0}}
    turned = dict(reversed(QRELS.items()))
    assert list(ranking_by_query(RUN, turned)["mrr@10"]) == ["q2", "q1"]
    assert ranking_figures(RUN, QRELS, ["recall@10", "mrr@10"]) == {
        "recall@10": (1 / 2 + 0) / 2,
        "mrr@10": (1 / 2 + 0) / 2,
    }
    nothing = {"ndcg@10": 0.0, "recall@10": 0.0, "mrr@10": 0.0}
    assert ranking_figures({}, QRELS) == ranking_figures({"q1": {}}, QRELS) == nothing


def test_a_query_without_a_relevant_document_counts_zero():
    qrels = {"q1": {"a": 1}, "q2": {"b": 0}}
    run = {"q1": {"a": 1.0}, "q2": {"b": 1.0}}
    assert ranking_figures(run, qrels, ["ndcg@10", "map"]) == {"ndcg@10": 1 / 2, "map": 1 / 2}


def test_a_cutoff_counts_documents():
    run, qrels = {"q": {"x": 3.0, "y": 2.0, "a": 1.0}}, {"q": {"a": 1}}
    figures = ranking_figures(run, qrels, ["mrr@2", "mrr@3", "recall@2", "recall@3", "map@2"])
    assert figures == pytest.approx(
        {"mrr@2": 0, "mrr@3": 1 / 3, "recall@2": 0, "recall@3": 1, "map@2": 0}
    )


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_equal_scores_keep_the_order_they_are_given_in_for_every_measure(names):
    run = {"q": dict.fromkeys(names, 0.5)}
    expected = 1.0 if names[0] == "a" else 1 / 2
    figures = ranking_figures(run, {"q": {"a": 1}}, ["mrr@10", "map"])
    assert figures == {"mrr@10": expected, "map": expected}


def test_scores_that_are_equal_only_in_single_precision_keep_their_order():
    run = {"q": {"z": 1.0, "a": 1.0 + 1e-12}}
    assert ranking_figures(run, {"q": {"a": 1}}, ["map", "mrr@1"]) == {"map": 1.0, "mrr@1": 1.0}


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"),
        st.tuples(st.floats(-5, 5), st.integers(0, 3)),
        min_size=1,
    ),
    st.integers(1, 9),
)
def test_figures_equal_their_definitions(documents, k):
    ranked = sorted(documents, key=lambda d: -documents[d][0])
    gains = [documents[d][1] for d in ranked]
    relevant = sum(g > 0 for g in gains)

    def dcg(values):
        return sum(g / math.log2(2 + place) for place, g in enumerate(values[:k]))

    hits = [g > 0 for g in gains[:k]]
    first = next((place for place, hit in enumerate(hits, start=1) if hit), math.inf)
    best = dcg(sorted(gains, reverse=True))
    expected = {
        f"ndcg@{k}": dcg(gains) / best if best else 0.0,
        f"recall@{k}": sum(hits) / relevant if relevant else 0.0,
        f"mrr@{k}": 1 / first,
        f"precision@{k}": sum(hits) / k,
        f"success@{k}": float(any(hits)),
    }
    run = {"q": {d: score for d, (score, _) in documents.items()}}
    qrels = {"q": {d: relevance for d, (_, relevance) in documents.items()}}
    assert ranking_figures(run, qrels, list(expected)) == pytest.approx(expected)


def test_the_order_of_the_queries_does_not_matter():
    run, qrels = RUN | {"q2": {"x": 1.0}}, QRELS
    turned = dict(reversed(run.items())), dict(reversed(qrels.items()))
    assert ranking_figures(run, qrels) == ranking_figures(*turned)


@pytest.mark.parametrize("name", ["ndcg", "ndcg@0", "NDCG@10", "hits@10", "recall", "mrr@x", ""])
def test_an_unknown_measure_is_told_the_known_ones(name):
    with pytest.raises(UnknownNameError) as caught:
        ranking_figures(RUN, QRELS, [name])
    assert "@10" in caught.value.hint


def test_broken_runs_and_qrels_are_errors():
    with pytest.raises(DataError, match="no query is judged"):
        ranking_figures(RUN, {})
    with pytest.raises(DataError, match=r"query q1: 1 of 2 scores are NaN or infinite.*'b'"):
        ranking_figures({"q1": {"a": 1.0, "b": math.nan}}, QRELS)
    with pytest.raises(DataError, match="none of 1 queries is among the 2 judged ones: 'Q1'"):
        ranking_figures({"Q1": {"a": 1.0}}, QRELS)


@pytest.mark.parametrize("relevance", [-1, 0.5, math.nan, math.inf])
def test_a_relevance_is_a_whole_number_from_zero(relevance):
    with pytest.raises(DataError, match="query q1: the relevance of 'a'"):
        ranking_figures(RUN, {"q1": {"a": relevance}})
