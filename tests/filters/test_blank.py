from __future__ import annotations

import pytest
from stand_ins import WORDS, judged

from rag_router.filters import run_filters
from rag_router.filters.blank import BLANK, BlankFilter
from rag_router.filters.budget import BudgetFilter


def kept(*texts):
    return [one.kept for one in BlankFilter().judge(["q"], [judged(*texts)], WORDS)[0]]


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b", "\x00\u202e", "\ud800"])
def test_a_passage_in_which_nothing_can_be_read_is_dropped(text):
    assert kept("Rome.", text) == [True, False]


@pytest.mark.parametrize("text", ["a", ".", " Rome ", "\u200bRome"])
def test_a_passage_with_a_single_character_is_kept(text):
    assert kept(text) == [True]


def test_the_reason_is_given_and_later_filters_leave_it_alone():
    hits = [one.hit for one in judged("", "Rome.")]
    evidence = run_filters((BlankFilter(), BudgetFilter(passages=1)), ["q"], [hits], WORDS)[0]
    assert [(one.kept, one.why) for one in evidence.judged] == [(False, BLANK), (True, "kept")]
