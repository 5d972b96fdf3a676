"""What to search for: the claims of an answer."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.gates.claims import claim_spans, queries_of
from rag_router.models.streams import Generation
from rag_router.types import TokenTrace


def claims(text):
    return [text[start:end] for start, end in claim_spans(text)]


def said(*pieces):
    """An answer of pieces of text with the probability of each."""
    tokens = tuple(TokenTrace(text=text, logprob=math.log(p)) for text, p in pieces)
    text = "".join(token.text for token in tokens).strip()
    return Generation(text=text, tokens=tokens, finish="end", forward_rows=len(tokens))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("...", []),
        ("Pierre Curie", ["Pierre Curie"]),
        ("Paris, France", ["Paris, France"]),
        ("Bolivia and Peru", ["Bolivia and Peru"]),
        ("red, white and blue", ["red", "white", "blue"]),
        ("red, white, or blue.", ["red", "white", "blue"]),
        ("It opened in 1932. It has six lanes.", ["It opened in 1932", "It has six lanes"]),
        ("born in 1867; died in 1934", ["born in 1867", "died in 1934"]),
        ("- Lima\n- Quito", ["Lima", "Quito"]),
        ("1. Lima; 2. Quito; 3. Bogota", ["Lima", "Quito", "Bogota"]),
        # Clauses are no list: their parts say nothing without the rest of the sentence.
        (
            "He sailed to the island of Elba in spring, lived, and came back",
            ["He sailed to the island of Elba in spring, lived, and came back"],
        ),
    ],
)
def test_answers_come_apart_at_sentences_semicolons_and_lists(text, expected):
    assert claims(text) == expected


@given(st.text(alphabet="ab .,;\n-1)and", max_size=60))
def test_claims_stand_in_order_and_never_overlap(text):
    at = 0
    for start, end in claim_spans(text):
        assert at <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        at = end


def test_an_answer_of_one_phrase_leaves_the_question_as_it_is():
    for answer in (said((" Pierre", 0.2), (" Curie", 0.3)), said()):
        assert queries_of("Who?", answer, known=0.9) == ("Who?",)


def test_claims_the_proxy_is_sure_of_are_not_searched_for():
    answer = said((" red", 0.99), (",", 0.8), (" white", 0.5), (" and", 0.9), (" blue", 0.2))
    assert answer.text == "red, white and blue"
    assert queries_of("Which colours?", answer, known=0.9) == (
        "Which colours? white",
        "Which colours? blue",
    )


def test_the_sureness_of_a_claim_is_the_geometric_mean_of_its_tokens():
    answer = said(("It is", 0.9), (" old", 0.4), (".", 1.0), (" It", 0.5), (" hums.", 0.5))
    # First claim, "It is old": (0.9 * 0.4) ** 0.5 = 0.6; second: 0.5. The full stop is no claim's.
    assert queries_of("Q", answer, known=0.61) == ("Q It is old", "Q It hums")
    assert queries_of("Q", answer, known=0.59) == ("Q It hums",)


def test_where_every_claim_is_known_the_question_is_searched_for():
    answer = said(("a;", 0.95), (" b", 0.95))
    assert queries_of("Q", answer, known=0.9) == ("Q",)


def test_a_claim_that_is_made_twice_is_searched_for_once():
    answer = said(("a;", 0.1), (" a", 0.1))
    assert queries_of("Q", answer, known=0.9) == ("Q a",)
