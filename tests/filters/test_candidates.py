from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.filters.candidates import KINDS, asked_for, read


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("who got the first nobel prize in physics", "person"),
        ("Where is the Tiber?", "place"),
        ("which country has the most lakes", "place"),
        ("when did the war end", "time"),
        ("what year was it built", "time"),
        ("how many moons has Mars", "number"),
        ("what is the population of Oslo", "number"),
        ("what is the tallest tree", "thing"),
        ("who was president when the wall fell", "person"),
        ("", "thing"),
    ],
)
def test_the_first_phrase_that_says_so_tells_what_is_asked_for(question, kind):
    assert asked_for(question) == kind
    assert kind in KINDS


def test_names_times_and_numbers_are_what_could_be_an_answer():
    found = read("In May 1901 the prize went to Wilhelm Conrad Röntgen, who got 150,782 crowns.")
    assert [(one.kind, one.key, one.first, one.last) for one in found.candidates] == [
        ("time", "may", 1, 1),
        ("time", "1901", 2, 2),
        ("name", "röntgen", 7, 9),
        ("number", "150", 12, 12),
        ("number", "782", 13, 13),
    ]


def test_a_name_goes_on_over_a_space_only():
    keys = [one.key for one in read("They met Anna Berg, Carl Dahl. Emil came.").candidates]
    assert keys == ["berg", "dahl", "emil"]


def test_words_know_their_sentence_and_lose_their_endings():
    found = read("Rivers flow. Rome's river grew old.")
    assert found.stems == ("river", "flow", "rome", "river", "grew", "old")
    assert found.sentence == (0, 0, 1, 1, 1, 1)


@given(st.text(max_size=200))
def test_any_text_can_be_read(text):
    found = read(text)
    assert len(found.stems) == len(found.sentence)
    assert all(0 <= one.first <= one.last < len(found.stems) for one in found.candidates)
