from __future__ import annotations

from math import log

import numpy as np
import pytest
from rank_bm25 import BM25Plus

from rag_router.indices.lexical import LexicalIndex
from rag_router.indices.terms import terms_of


def test_terms_are_folded_words_without_stop_words_and_possessives():
    assert terms_of("What is Italy's ＣＡＰＩＴＡＬ, the Straße?") == [
        "italy",
        "capital",
        "strasse",
    ]


def test_the_score_is_that_of_the_paper():
    index = LexicalIndex(["rome tiber", "paris seine louvre eiffel"])
    hit = index.search("rome", k=5)[0]
    # Lengths 2 and 4, mean 3; N = 2, df = 1, tf = 1, k1 = 1.5, b = 0.75, delta = 1.
    norm = 1.5 * (1 - 0.75 + 0.75 * 2 / 3)
    assert (hit.row, hit.terms) == (0, ("rome",))
    assert hit.score == pytest.approx(log(3 / 1) * (1 + 1 * 2.5 / (norm + 1)))


def test_passages_that_hold_all_terms_score_as_in_rank_bm25():
    texts = ["rome italy tiber", "rome italy rome capital", "paris france", "italy alps snow"]
    index = LexicalIndex(texts)
    theirs = BM25Plus([text.split() for text in texts]).get_scores(["rome", "italy"])
    ours = {hit.row: hit.score for hit in index.search("rome italy", k=4)}
    assert sorted(ours) == [0, 1, 3]
    assert ours[0] == pytest.approx(theirs[0])
    assert ours[1] == pytest.approx(theirs[1])
    # rank-bm25 gives idf * delta also where a term is missing: ln(5 / 2) for "rome" in row 3.
    assert ours[3] == pytest.approx(theirs[3] - log(5 / 2))


def test_only_passages_that_share_a_term_are_hits():
    index = LexicalIndex(["rome", "paris"])
    assert [hit.row for hit in index.search("paris", k=5)] == [1]
    assert index.search("berlin", k=5) == []
    assert index.search("what is the", k=5) == []
    assert index.search("", k=5) == []


def test_ties_are_broken_by_the_order_of_the_passages():
    index = LexicalIndex(["rome a"] * 9 + ["rome rome"])
    assert [hit.row for hit in index.search("rome", k=3)] == [9, 0, 1]


def test_the_shared_terms_are_told_in_the_order_of_the_query():
    index = LexicalIndex(["tiber rome", "rome"])
    hits = index.search("rome on the tiber rome berlin", k=2)
    assert [hit.terms for hit in hits] == [("rome", "tiber"), ("rome",)]


@pytest.mark.parametrize("texts", [[], [""], ["the of and"], ["", "  "]])
def test_nothing_to_search_is_no_error(texts):
    assert LexicalIndex(texts).search("rome", k=3) == []


def test_a_blank_passage_among_others_is_no_error():
    assert [hit.row for hit in LexicalIndex(["", "rome"]).search("rome", k=3)] == [1]


def test_a_common_term_still_counts():
    # rank-bm25's BM25+ has no negative idf: ln(4 / 3) > 0 for a term that all three hold.
    hits = LexicalIndex(["rome", "rome", "rome"]).search("rome", k=3)
    assert [hit.row for hit in hits] == [0, 1, 2]
    assert hits[0].score == pytest.approx(log(4 / 3) * (1 + 2.5 / 2.5))


def test_many_passages_are_searched_without_looking_at_each():
    random = np.random.default_rng(0)
    vocabulary = [f"term{n}" for n in range(2000)]
    texts = [" ".join(random.choice(vocabulary, 10)) for _ in range(5000)]
    index = LexicalIndex(texts)
    hits = index.search("term1 term2 term3", k=10)
    expected = {row for row, text in enumerate(texts) if {"term1", "term2"} <= set(text.split())}
    assert expected <= {hit.row for hit in hits} or len(expected) > 10
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
