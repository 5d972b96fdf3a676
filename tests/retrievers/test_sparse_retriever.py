from __future__ import annotations

from math import log

import pytest

from rag_router.retrievers.sparse import SparseRetriever


def test_the_score_is_bm25_and_the_shared_terms_are_told(list_index, query):
    index = list_index([("a", "tiber rome", (0.6, 0.8)), ("b", "paris seine", (1, 0))])
    hits = SparseRetriever().retrieve([query("Rome on the Tiber")], [index])[0]
    # Both passages have the mean length, so that the norm is k1 = 1.5; tf = 1, delta = 1.
    expected = 2 * log(3 / 1) * (1 + 2.5 / 2.5)
    assert [(h.passage.id, h.score) for h in hits] == [("a", pytest.approx(expected))]
    assert hits[0].why == "shares rome, tiber"
    assert hits[0].similarity == pytest.approx(0.6)


def test_passages_of_several_indices_merge_by_their_ranks(list_index, query):
    one = list_index([("b", "rome rome", (1, 0)), ("d", "rome", (1, 0))], name="one")
    two = list_index([("a", "rome", (1, 0)), ("c", "paris", (1, 0))], name="two")
    hits = SparseRetriever(k=3).retrieve([query("rome")], [one, two])[0]
    assert [(h.passage.id, h.score, h.rank) for h in hits] == [
        ("a", 1 / (60 + 1), 1),
        ("b", 1 / (60 + 1), 2),
        ("d", 1 / (60 + 2), 3),
    ]


def test_a_question_that_shares_no_word_finds_nothing(list_index, query):
    index = list_index([("a", "rome", (1, 0))])
    assert SparseRetriever().retrieve([query("berlin"), query("rome")], [index])[0] == []
