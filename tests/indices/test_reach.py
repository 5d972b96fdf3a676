"""How far an index reaches, worked out by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.indices.lexical import LexicalIndex
from rag_router.indices.reach import Reach, reach_of

FOUR = LexicalIndex(
    ["george rankin soldier", "george washington president", "the river rhine", "a president"]
)


def test_two_words_of_a_name_in_one_passage():
    # N = 4; df: george 2, rankin 1, occupation 0. idf: ln 5/2, ln 5, and ln 10 for what it lacks.
    reach = FOUR.reach("What is George Rankin's occupation?")
    total = log(2.5) + log(5) + log(10)
    assert reach.present == pytest.approx((log(2.5) + log(5)) / total)
    assert reach.mean_idf == pytest.approx(total / 3 / log(10))
    assert reach.max_idf == pytest.approx(1.0)
    # Together once: ln(4 * 1 / (2 * 1)) / ln 5.
    assert reach.pair == pytest.approx(log(2) / log(5))
    assert reach.together == pytest.approx((log(2.5) + log(5)) / total)


def test_words_that_stand_apart_reach_less_far_than_together():
    apart = FOUR.reach("rankin president")
    assert apart.present == 1.0
    assert apart.pair == 0.0
    # Of ln 5 + ln 5/2 the passage with the rarer word holds ln 5.
    assert apart.together == pytest.approx(log(5) / (log(5) + log(2.5)))


def test_an_index_that_lacks_all_words_reaches_nowhere():
    assert FOUR.reach("zanzibar") == Reach(mean_idf=1.0, max_idf=1.0)


@pytest.mark.parametrize("question", ["", "what is the"])
def test_a_question_without_terms_asks_for_nothing(question):
    assert FOUR.reach(question) == Reach()


def test_an_empty_index_reaches_nowhere():
    assert LexicalIndex([]).reach("george rankin") == Reach()


@given(st.lists(st.text("abcd ", max_size=12), max_size=8), st.text("abcdex ", max_size=15))
def test_every_figure_is_a_share(texts, question):
    reach = LexicalIndex(texts).reach(question)
    assert all(0.0 <= figure <= 1.0 + 1e-9 for figure in reach)
    assert reach.together <= reach.present + 1e-9


def test_repeated_terms_count_once():
    rows = {"a": np.array([0, 2]), "b": np.array([2])}
    assert reach_of(["a", "b", "a"], rows, 3) == reach_of(["a", "b"], rows, 3)
