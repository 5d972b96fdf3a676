from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import hit

from rag_router.filters.clues import CLUES, FOUND, SIMILAR, clues_of
from rag_router.types import Finding, Hit, Passage

QUESTION = "who founded the city of Oslo"
IDF = {"found": 1.0, "citi": 1.0, "oslo": 2.0}
"""Stop words are no terms; all of them together weigh 4."""


def clues(*hits, question=QUESTION):
    table = clues_of(question, hits, lambda term: IDF.get(term, 1.0))
    return [dict(zip(CLUES, row, strict=True)) for row in table.tolist()]


def found(text, id_, *findings):
    return Hit(
        passage=Passage(id=id_, title="", text=text),
        retriever="fused",
        score=1.0,
        rank=1,
        similarity=0.5,
        found_by=tuple(Finding(retriever=r, rank=k, score=s) for r, k, s in findings),
    )


def test_words_held_weigh_by_their_rarity():
    one, two = clues(hit("Oslo is old."), hit("A city. It was founded by Harald."))
    assert one["held"] == 2 / 4
    assert two["held"] == (1 + 1) / 4
    assert (one["rarest_held"], two["rarest_held"]) == (1, 0)
    assert (one["rarest_missing"], two["rarest_missing"]) == (1, 2)
    # The second one holds them in two sentences.
    assert (one["held_in_sentence"], two["held_in_sentence"]) == (2 / 4, 1 / 4)
    assert one["held_in_sentence_gap"] == 2 / 4 - 1 / 4


def test_a_candidate_is_near_by_the_words_between():
    (one,) = clues(hit("Harald founded Oslo"))
    # founded: 1 word away, Oslo: 2; city stands nowhere. "Oslo" itself is asked about.
    assert one["any_near"] == pytest.approx((math.exp(-1 / 8) + 2 * math.exp(-2 / 8)) / 4)
    assert one["typed_near"] == one["any_near"]
    assert one["typed"] == pytest.approx(math.log(1 + 1))
    assert one["asks_person"] == 1


def test_a_term_of_the_title_counts_half_wherever_a_candidate_stands():
    one = Hit(
        passage=Passage(id="a", title="Oslo", text="Harald came."),
        retriever="list",
        score=1.0,
        rank=1,
    )
    (row,) = clues(one)
    assert row["any_near"] == pytest.approx(2 * 0.5 / 4)
    assert (row["title_held"], row["title_of_question"]) == (2 / 4, 1)


def test_passages_vote_for_what_others_name_too():
    one, two, three = clues(
        hit("Harald founded Oslo"), hit("Oslo Harald", "b"), hit("Nobody knows", "c")
    )
    first = (math.exp(-1 / 8) + 2 * math.exp(-2 / 8)) / 4
    second = 2 * math.exp(-1 / 8) / 4
    # "Oslo Harald" is one name to the reader, beside nothing: its words are asked about in part.
    assert (one["voters"], two["voters"], three["voters"]) == (1, 1, 0)
    assert one["votes"] == pytest.approx(first * (2 * 1.0 / 4))
    assert two["votes"] == pytest.approx((2 * 1.0 / 4) * first)
    assert three["votes"] == 0
    assert second < 0.5


def test_ranks_count_only_where_words_and_vectors_have_both_looked():
    both = found("Oslo", "a", ("sparse", 1, 8.0), ("dense", 2, 0.5))
    words = found("city", "b", ("sparse", 3, 4.0))
    first, second = clues(both, words)
    assert [first[name] for name in FOUND] == [1, 1, 2, 1]
    # Half the best score; the vectors did not find it.
    assert [second[name] for name in FOUND] == [3, 0.5, 60, 0]
    (alone,) = clues(words)
    assert all(math.isnan(alone[name]) for name in FOUND)


def test_cosines_count_only_where_all_are_known():
    near, far = clues(hit("x", similarity=0.7), hit("y", "b", similarity=0.2))
    assert [near[name] for name in SIMILAR] == pytest.approx([0.7, 0.0, 0.5, 0, 0.7])
    assert [far[name] for name in SIMILAR] == pytest.approx([0.2, -0.5, -0.5, 1, 0.7])
    known, unknown = clues(hit("x", similarity=0.7), hit("y", "b"))
    assert all(math.isnan(row[name]) for row in (known, unknown) for name in SIMILAR)


def test_no_passages_have_no_clues():
    assert clues_of("q", [], lambda term: 1.0).shape == (0, len(CLUES))


@given(st.text(max_size=60), st.lists(st.text(max_size=80), min_size=1, max_size=4))
def test_any_texts_have_finite_clues(question, texts):
    hits = [hit(text, str(n), similarity=0.1) for n, text in enumerate(texts)]
    table = clues_of(question, hits, lambda term: 1.0)
    rest = [at for at, clue in enumerate(CLUES) if clue not in FOUND]
    assert np.isfinite(table[:, rest]).all()
