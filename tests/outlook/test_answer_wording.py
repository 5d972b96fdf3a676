from __future__ import annotations

import pytest

from rag_router.outlook.wording import (
    fits_kind,
    same_answer,
    sentence_holding,
    share_held,
    share_of_names_held,
)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("the Tiber", "Tiber", True),
        ("Tiber", "the river Tiber", True),
        ("Tiber", "Nile", False),
        ("art", "party", False),
        ("", "", False),
        ("Tiber", "the", False),
    ],
)
def test_answers_are_the_same_where_one_holds_the_other(one, other, same):
    assert same_answer(one, other) == same_answer(other, one) == same


def test_words_are_held_whatever_their_endings():
    # "river" and "Rome" count, "what is the of" do not; "rivers" begins as "river" does.
    assert share_held("What is the river of Rome?", "Rivers are long.") == 0.5
    assert share_held("What is the river of Rome?", "The river of Rome") == 1.0


def test_what_says_nothing_is_held_by_anything():
    assert share_held("what is it?", "") == share_of_names_held("what is it?", "") == 1.0


def test_names_and_numbers_are_looked_for_and_the_first_word_is_no_name():
    asked = "When did Anna visit Oslo in 1974?"
    assert share_of_names_held(asked, "Anna saw Oslo.") == pytest.approx(2 / 3)
    assert share_of_names_held("Rivers are what?", "") == 1.0


@pytest.mark.parametrize(
    ("asked", "answer", "fits"),
    [
        ("when was it?", "1974", True),
        ("when was it?", "in May", True),
        ("when was it?", "the king", False),
        ("how many are there?", "seven", True),
        ("And who was it?", "Anna", True),
        ("And who was it?", "1974", False),
        ("what is it?", "anything", True),
    ],
)
def test_a_number_or_a_name_is_expected_where_it_was_asked_for(asked, answer, fits):
    assert fits_kind(asked, answer) == fits


def test_the_first_sentence_that_holds_an_answer():
    texts = ["Oslo is cold.", "Rome is old. The Tiber is its river."]
    assert sentence_holding("tiber", texts) == "The Tiber is its river."
    assert sentence_holding("Nile", texts) == ""
