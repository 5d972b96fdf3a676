from __future__ import annotations

import pytest

from rag_router.signals.refusals import REFERENCES, is_refusal


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "  \n ",
        "?",
        "I don't know.",
        "I do not know the answer",
        "Unknown",
        "The answer is unknown.",
        "It is not known",
        "i have no idea",
        "This cannot be answered.",
        "Sorry, I am unable to answer that.",
        "It is impossible to say who came first",
        "I'm not sure",
        "No one knows",
    ],
)
def test_what_says_nothing_or_that_it_does_not_know_is_a_refusal(answer):
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Rome",
        "Sodium (Na)",
        "none",
        "Nothing Else Matters",
        "The Unknown Soldier",
        "0",
        "No",
        "42%",
    ],
)
def test_an_answer_is_an_answer(answer):
    assert not is_refusal(answer)


def test_only_the_first_line_counts():
    assert not is_refusal("Rome\nI don't know")
    assert is_refusal("\nI don't know\nRome")


def test_the_references_are_sentences_that_differ():
    assert len(set(REFERENCES)) == len(REFERENCES)
    assert all(sentence.endswith(".") for sentence in REFERENCES)
