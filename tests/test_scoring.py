from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.scoring import (
    alias_match,
    exact_match,
    first_line,
    first_words,
    normalise,
    token_f1,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Eiffel Tower!", "eiffel tower"),
        ("a an the", ""),
        ("Another theory", "another theory"),
        ("U.S.A.", "usa"),
        ("rock-'n'-roll", "rocknroll"),
        ("“Don’t…”", "dont"),
        ("Röntgen", "röntgen"),
        ("１９８４", "1984"),
        ("ﬁnance", "finance"),
        ("3.14", "314"),
        ("1,000", "1000"),
        ("1984–85", "198485"),
        ("m²", "m2"),
        ("Ⅳ", "iv"),
        ("東京", "東京"),
        ("ΑΘΗΝΑ", "αθηνα"),
        ("cafe\u0301", "café"),
        ("The", ""),
        ("A", ""),
        ("An, the. A!", ""),
        ("The The", ""),
        ("vitamin A", "vitamin"),
        ("   ", ""),
        ("\u3000", ""),
        ("\tnew\n\u00a0york ", "new york"),
        ("", ""),
        ("?!", ""),
    ],
)
def test_normalisation_by_example(text, normal):
    assert normalise(text) == normal


@given(st.text())
def test_normalised_text_has_single_spaces_and_none_around(text):
    normal = normalise(text)
    assert normal == " ".join(normal.split())


def test_the_first_line_is_the_first_that_says_anything_as_it_stands():
    assert first_line("\n \n The Rome!\nParis") == " The Rome!"
    assert first_line("") == first_line(" \n\t") == first_line(None) == ""


def test_the_first_line_that_says_anything_is_cut_at_twelve_words():
    assert first_words("\n \nThe Rome\nParis") == "rome"
    assert first_words(" ".join(str(n) for n in range(1, 20))) == "1 2 3 4 5 6 7 8 9 10 11 12"
    assert first_words("one two three", 2) == "one two"
    assert first_words("") == ""


@pytest.mark.parametrize(
    ("answer", "aliases", "right"),
    [
        ("It is Rome.", ["Rome"], True),
        ("Romeo", ["Rome"], False),
        ("the Beatles", ["Beatles"], True),
        ("New York City", ["York"], True),
        ("18", ["8"], False),
        ("in 1984", ["1984"], True),
        ("1984", ["１９８４"], True),
        ("Munchen", ["München"], False),
        ("Munchen", ["München", "Munchen"], True),
        ("Paris\nRome", ["Rome"], False),
        ("\n\nRome", ["Rome"], True),
        ("", ["Rome"], False),
        (None, ["Rome"], False),
        ("Rome", [], False),
        ("the", ["The"], False),
        ("anything", ["?"], False),
        ("anything", [""], False),
    ],
)
def test_alias_match_by_example(answer, aliases, right):
    assert alias_match(answer, aliases) is right


def test_an_answer_that_lists_everything_wins_nothing_after_twelve_words():
    eleven = " ".join(f"word{n}" for n in range(11))
    assert alias_match(f"{eleven} Rome", ["Rome"])
    assert not alias_match(f"{eleven} and Rome", ["Rome"])
    # Articles do not count as words, since normalisation takes them away.
    assert alias_match(f"The {eleven} the Rome", ["Rome"])


@pytest.mark.parametrize(
    ("answer", "aliases", "right"),
    [
        ("The Rome!", ["rome"], True),
        ("Rome, Italy", ["Rome"], False),
        ("Rome\nor Paris", ["Rome"], True),
        ("", ["Rome"], False),
        (None, ["Rome"], False),
        ("the", ["The"], False),
    ],
)
def test_exact_match_by_example(answer, aliases, right):
    assert exact_match(answer, aliases) is right


def test_f1_is_the_harmonic_mean_of_precision_and_recall_of_the_best_alias():
    # "pierre curie of paris" has 4 words, 2 of them in the alias of 2: 2 (2/4) (2/2) / (2/4 + 2/2)
    expected = 2 * (2 / 4) * (2 / 2) / (2 / 4 + 2 / 2)
    assert token_f1("Pierre Curie of Paris", ["Marie", "Pierre Curie"]) == pytest.approx(expected)
    assert token_f1("Rome", ["the Rome"]) == 1.0
    assert token_f1("Rome", ["Paris"]) == 0.0


def test_f1_counts_a_repeated_word_as_often_as_both_have_it():
    # Common: "new" once of twice. Precision 1/2, recall 1/1.
    assert token_f1("new new", ["new"]) == pytest.approx(2 * (1 / 2) * 1 / (1 / 2 + 1))


@pytest.mark.parametrize("nothing", ["", None, "?", "The"])
def test_saying_nothing_scores_nothing_even_against_an_alias_of_nothing(nothing):
    assert token_f1(nothing, ["Rome"]) == 0.0
    assert token_f1(nothing, ["The"]) == 0.0
    assert token_f1("Rome", []) == 0.0


@given(st.text(max_size=40), st.lists(st.text(max_size=40), max_size=3))
def test_an_exact_match_has_full_f1_on_one_line(answer, aliases):
    score = token_f1(answer, aliases)
    assert 0.0 <= score <= 1.0 + 1e-9
    if exact_match(answer, aliases) and len(answer.splitlines()) == 1:
        assert score == pytest.approx(1.0)
