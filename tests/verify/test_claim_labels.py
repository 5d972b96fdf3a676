from __future__ import annotations

from collections import Counter

import pytest
from stand_ins import passage

from rag_router.verify import label_of

ROME = passage("The Tiber is the river of Rome.")
OSLO = passage("Oslo lies on a fjord.")


@pytest.mark.parametrize(
    ("answer", "accepted", "read", "label"),
    [
        ("Tiber", ["Tiber"], [ROME], "grounded"),
        ("Rome", ["Tiber"], [ROME], "not_grounded"),
        ("Nile", ["Tiber"], [OSLO], "retrieval_error"),
        ("Nile", ["Tiber"], [OSLO, ROME], "not_grounded"),
        ("Nile", [], [ROME], "retrieval_error"),
        ("", ["Tiber"], [ROME], "not_grounded"),
    ],
)
def test_the_three_cases(answer, accepted, read, label):
    assert label_of(answer, accepted, read) == label


def test_being_right_wins_over_what_was_read():
    assert label_of("Tiber", ["Tiber"], [OSLO]) == "grounded"
    assert label_of("Tiber", ["Tiber"], []) == "grounded"


def test_an_answer_may_stand_in_a_title():
    assert label_of("Nile", ["Tiber"], [passage("It is long.", title="Tiber")]) == "not_grounded"


def test_the_labels_of_synthetic_triples_are_those_they_were_made_for():
    made = [
        *((f"a{n}", [f"a{n}"], [passage(f"It is a{n}.")], "grounded") for n in range(5)),
        *(
            (f"b{n}", [f"a{n}"], [passage(f"It is a{n}, not b{n}.")], "not_grounded")
            for n in range(4)
        ),
        *((f"b{n}", [f"a{n}"], [passage(f"It is b{n}.")], "retrieval_error") for n in range(3)),
    ]
    confusion = Counter((label, label_of(said, known, read)) for said, known, read, label in made)
    assert confusion == {
        ("grounded", "grounded"): 5,
        ("not_grounded", "not_grounded"): 4,
        ("retrieval_error", "retrieval_error"): 3,
    }
