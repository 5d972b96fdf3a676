from __future__ import annotations

from math import log

import pytest

from rag_router.retrievers.convex import ConvexRetriever
from rag_router.retrievers.dense import DenseRetriever
from rag_router.retrievers.sparse import SparseRetriever
from rag_router.types import Finding

ROWS = [("a", "tiber rome", (0.6, 0.8)), ("b", "rome", (1, 0)), ("c", "seine", (0, 1))]


def ids(hits):
    return [hit.passage.id for hit in hits]


def test_scores_are_scaled_from_the_least_they_can_be_to_the_best(list_index, query):
    index = list_index([("a", "tiber rome", (0.6, 0.8)), ("b", "paris seine", (1, 0))])
    hits = ConvexRetriever(weight=0.8).retrieve([query("the Tiber", (1, 0))], [index])[0]
    # Cosines 0.6 and 1; only "a" holds the word, and has the best BM25 of all:
    # a = 0.8 * (0.6 + 1) / (1 + 1) + 0.2 * 1 = 0.84; b = 0.8 * 1 + 0.2 * 0 = 0.8.
    assert [(h.passage.id, h.score) for h in hits] == [
        ("a", pytest.approx(0.84)),
        ("b", pytest.approx(0.8)),
    ]
    assert hits[0].found_by[0] == Finding(
        retriever="sparse", rank=1, score=pytest.approx(log(3 / 1) * 2)
    )
    assert hits[0].why.startswith("sparse rank 1 (shares tiber); dense rank 2 (cosine 0.600")


def test_all_weight_on_one_side_gives_its_order(list_index, query):
    index = list_index(ROWS)
    asked = [query("rome on the tiber", (0, 1))]
    assert ids(ConvexRetriever(weight=1.0).retrieve(asked, [index])[0]) == (
        ids(DenseRetriever().retrieve(asked, [index])[0])
    )
    words = ids(ConvexRetriever(weight=0.0).retrieve(asked, [index])[0])
    assert words[:2] == ids(SparseRetriever().retrieve(asked, [index])[0]) == ["a", "b"]


def test_words_are_scaled_within_each_index(list_index, query):
    one = list_index([("a", "rome rome rome", (1, 0)), ("x", "oslo", (0, 1))], name="one")
    two = list_index([("b", "rome", (1, 0)), ("y", "oslo", (0, 1))], name="two")
    hits = ConvexRetriever(weight=0.5, k=2).retrieve([query("rome")], [one, two])[0]
    # The best of its index, whatever BM25 says there: 0.5 * 1 + 0.5 * 1.
    assert [(h.passage.id, h.score) for h in hits] == [("a", 1.0), ("b", 1.0)]


def test_where_nothing_is_near_and_no_word_shared_scores_are_zero(list_index, query):
    index = list_index([("a", "oslo", (-1, 0))])
    hits = ConvexRetriever().retrieve([query("rome", (1, 0))], [index])[0]
    assert [(h.passage.id, h.score) for h in hits] == [("a", 0.0)]
