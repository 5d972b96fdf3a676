from __future__ import annotations

import numpy as np
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


class Turned:
    """An embedder whose first axis is the second one of the others."""

    name = fingerprint = "turned"
    dimension, max_tokens = 2, 512

    def encode_queries(self, texts):
        return np.asarray([(0.0, 1.0) for _ in texts], np.float32)

    encode_passages = encode_queries

    def count_tokens(self, texts):
        return [1 for _ in texts]


def test_an_index_of_another_embedder_is_asked_with_its_own(list_index, query):
    index = list_index([("a", "", (1, 0)), ("b", "", (0.6, 0.8))], encoder=Turned())
    hits = DenseRetriever().retrieve([query(vector=(1, 0))], [index])[0]
    assert [(h.passage.id, h.score) for h in hits] == [("b", pytest.approx(0.8)), ("a", 0.0)]


def test_passages_of_several_embedders_merge_by_their_ranks(list_index, query):
    one = list_index([("a", "", (1, 0)), ("b", "", (0.8, 0.6))], name="one")
    two = list_index([("c", "", (0.6, 0.8)), ("d", "", (1, 0))], name="two", encoder=Turned())
    same = list_index([("e", "", (0.9, 0.436))], name="same")
    hits = DenseRetriever(k=5).retrieve([query()], [one, two, same])[0]
    # In the space of the query: a, e, b. In the other one: c, d.
    assert [(h.passage.id, h.score) for h in hits] == [
        ("a", 1 / 61),
        ("c", 1 / 61),
        ("d", 1 / 62),
        ("e", 1 / 62),
        ("b", 1 / 63),
    ]
    assert hits[1].similarity == pytest.approx(0.8)
