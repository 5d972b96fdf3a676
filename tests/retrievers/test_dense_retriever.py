from __future__ import annotations

import pytest

from rag_router.retrievers.dense import DenseRetriever


def test_the_score_is_the_cosine(list_index, query):
    index = list_index([("a", "", (1, 0)), ("b", "", (0.6, 0.8)), ("c", "", (0, 1))])
    hits = DenseRetriever(k=2).retrieve([query(vector=(0.8, 0.6))], [index])[0]
    # b: 0.6 * 0.8 + 0.8 * 0.6 = 0.96; a: 0.8.
    assert [(h.passage.id, h.score) for h in hits] == [
        ("b", pytest.approx(0.96)),
        ("a", pytest.approx(0.8)),
    ]
    assert [h.similarity for h in hits] == [h.score for h in hits]
    assert hits[0].why == "cosine 0.960"


def test_passages_of_several_indices_merge_by_cosine(list_index, query):
    one = list_index([("a", "", (1, 0)), ("b", "", (0, 1))], name="one")
    two = list_index([("c", "", (0.6, 0.8))], name="two")
    hits = DenseRetriever(k=3).retrieve([query()], [one, two])[0]
    assert [(h.passage.index, h.passage.id) for h in hits] == (
        [("one", "a"), ("two", "c"), ("one", "b")]
    )


def test_ties_are_broken_by_passage_id(list_index, query):
    index = list_index([("b", "", (1, 0)), ("a", "", (1, 0))])
    assert [h.passage.id for h in DenseRetriever().retrieve([query()], [index])[0]] == ["a", "b"]


def test_a_cosine_never_leaves_its_range(list_index, query):
    index = list_index([("a", "", (1.0001, 0))])
    assert DenseRetriever().retrieve([query()], [index])[0][0].score == 1.0
