from __future__ import annotations

import math

import pytest

from rag_router.decoders.considerations import (
    CASES,
    CONSIDERED,
    Said,
    case_of,
    considered,
    known_before,
)
from rag_router.models.streams import Facts

SHOWN = "Norway\nThe capital of Norway is Oslo."


def seen(memory, passages, contrast, **facts):
    row = considered(Facts(**facts), memory, passages, contrast)
    return dict(zip(CONSIDERED, row.tolist(), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_what_is_known_says_who_is_asked(case):
    facts = Facts(
        p_know=0.5 if "p_know" in case else None, support=0.5 if "support" in case else None
    )
    assert CASES[case_of(facts)] == case


def test_what_is_known_counts_as_log_odds_and_what_is_not_as_nothing():
    assert known_before(Facts(p_know=0.75, support=0.5)) == pytest.approx([math.log(3), 0.0])
    assert known_before(Facts()) == [0.0, 0.0]


def test_log_odds_end_at_six():
    assert known_before(Facts(p_know=0.0, support=1.0)) == pytest.approx([-6.0, 6.0])


def test_what_both_streams_think_of_the_answers_by_hand():
    row = seen("Bergen", Said("Oslo", -5.0, -1.0, 2), Said("Rome", -12.0, -3.0, 5))
    assert row["passages_gain"] == -1 - -5
    assert row["contrast_gain"] == (-3 - -12) - (-1 - -5)
    assert row["contrast_lead"] == -3 - -1
    assert row["contrast_longer"] == 5 - 2


def test_an_answer_stands_in_the_passages_word_for_word():
    row = seen("", Said("oslo."), Said("The Norway"), shown=SHOWN)
    assert (row["passages_inside"], row["contrast_inside"]) == (1.0, 0.0)
    row = seen("", Said("Slo"), Said("Oslo"), shown=SHOWN)
    assert (row["passages_inside"], row["contrast_inside"]) == (0.0, 1.0)
    # An answer that says nothing stands nowhere.
    assert seen("", Said("The"), Said(""), shown=SHOWN)["passages_inside"] == 0.0


def test_who_agrees_with_memory_is_told_whatever_the_spelling():
    row = seen("the Oslo", Said("oslo!"), Said("Rome"))
    assert (row["memory_is_passages"], row["memory_is_contrast"]) == (1.0, 0.0)


def test_whole_answers_are_at_most_forty_nats_apart():
    row = seen("", Said("a", -90.0, -1.0, 1), Said("b", -1.0, -90.0, 1))
    assert (row["passages_gain"], row["contrast_gain"], row["contrast_lead"]) == (40, -40, -40)
