from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_router.errors import DataError
from rag_router.eval.metrics.answers import Judged, judge, token_efficiency
from rag_router.eval.metrics.choices import chosen, place_of
from rag_router.eval.metrics.patterns import pattern_match
from rag_router.eval.metrics.yes_no import polarity, wanted_polarity
from rag_router.types import Question

RIGHT, WRONG = Judged(right=True, em=True, f1=1.0), Judged(right=False, em=False, f1=0.0)


def question(*answers, **meta):
    return Question(id="q7", text="?", answers=answers, meta=meta)


# --- which kind a question is of --------------------------------------------------------------


def test_an_ordinary_question_is_judged_by_alias_match():
    asked = question("Pierre Curie")
    assert judge(asked, "pierre curie.") == RIGHT
    # Four words, two of them gold: precision 2/4, recall 2/2.
    judged = judge(asked, "Pierre Curie of Paris")
    assert (judged.right, judged.em) == (True, False)
    assert judged.f1 == pytest.approx(2 * (2 / 4) * 1 / (2 / 4 + 1))
    assert judge(asked, "Rome") == judge(asked, None) == judge(asked, "") == WRONG


def test_a_question_with_choices_and_a_letter_is_multiple_choice():
    asked = question("12", choices=["7", "12"], answer_letter="B")
    assert judge(asked, "B") == judge(asked, "12") == RIGHT
    assert judge(asked, "A") == judge(asked, "7") == judge(asked, None) == WRONG


def test_choices_without_a_letter_are_no_multiple_choice():
    asked = question("returned.", choices=[" returned.", " forgotten."], answer_index=0)
    assert judge(asked, "returned") == RIGHT
    assert judge(asked, "A") == WRONG


def test_patterns_are_for_questions_that_say_so():
    patterns = question(r"19\d\d", answer_type="regex")
    assert judge(patterns, "1984") == RIGHT
    assert judge(patterns, "In 1984") == Judged(right=True, em=False, f1=1.0)
    assert judge(patterns, "In 1884") == WRONG
    assert judge(question(r"19\d\d"), "1984") == WRONG
    assert judge(question("1984", answer_type="number"), "1984") == RIGHT


def test_golds_that_all_say_yes_make_a_question_of_yes_or_no():
    asked = question("Yes", "true")
    assert judge(asked, "True.") == judge(asked, "yes") == RIGHT
    # "yes it is": one of three words is gold, and it is the whole gold answer.
    assert judge(asked, "Yes, it is.") == Judged(
        right=True, em=False, f1=pytest.approx(2 * (1 / 3) * 1 / (1 / 3 + 1))
    )
    assert judge(asked, "No") == WRONG
    # Alias match would take the "yes" further on.
    assert not judge(asked, "No, yes is wrong").right
    assert judge(question("yes", "yes sir"), "yes sir") == RIGHT


def test_a_broken_question_is_named():
    with pytest.raises(DataError, match="question q7: there are no answers"):
        judge(question(), "Rome")
    with pytest.raises(DataError, match=r"question q7: .* is not a regular expression"):
        judge(question("(", answer_type="regex"), "Rome")
    with pytest.raises(DataError, match="question q7: its answers say both"):
        judge(question("yes", "false"), "yes")
    with pytest.raises(DataError, match=r"question q7: meta\.answer_letter") as caught:
        judge(question(choices=["x", "y"], answer_letter="C"), "C")
    assert "'AB'" in caught.value.hint


@given(st.text(max_size=60), st.sampled_from([("Rome",), ("yes",), ("12",)]))
def test_what_matches_exactly_is_right(answer, golds):
    for asked in (question(*golds), question(*golds, choices=["Rome", "yes"], answer_letter="A")):
        judged = judge(asked, answer)
        assert judged.right or not judged.em
        assert 0 <= judged.f1 <= 1 + 1e-9


# --- choices ----------------------------------------------------------------------------------

CITIES = ("Rome", "New York", "York", "A dog and a cat")


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ("A", 0),
        ("b", 1),
        ("C.", 2),
        ("(D)", 3),
        ("(b) New York", 1),
        ("B: Rome", 1),
        ("B New York", 1),
        ("**C**", 2),
        ('"C"', 2),
        ("The answer is C", 2),
        ("The correct answer is: (C).", 2),
        ("Answer: option B", 1),
        ("the answer is A because", 0),
        ("\n\n C\nD", 2),
        # Letters that are words, or too far down the alphabet, are none.
        ("A dog and a cat", 3),
        ("a rome", 0),
        ("I think Rome", 0),
        ("d is not rome", 0),
        ("E", None),
        ("D.C.", None),
        ("Z", None),
        # Texts: the first one that stands there, and of two that begin together the longer.
        ("rome!", 0),
        ("It is York, not Rome", 2),
        ("New York", 1),
        ("Yorkshire", None),
        ("", None),
        (None, None),
        ("Paris", None),
    ],
)
def test_a_choice_by_example(answer, place):
    assert chosen(answer, CITIES) == place


def test_a_letter_goes_before_a_text_unless_the_text_is_all_there_is():
    assert chosen("B", ["B", "A"]) == 1
    assert chosen("C. elegans", ["yeast", "C. elegans", "fly"]) == 1
    assert chosen("C. elegans, a worm", ["yeast", "C. elegans", "fly"]) == 2


def test_the_ninth_letter_is_a_word_too():
    nine = ["Rome", *(f"town {n}" for n in range(8))]
    assert chosen("I think Rome", nine) == 0
    assert chosen("I.", nine) == chosen("Answer: I think", nine) == 8


def test_of_two_texts_that_begin_together_the_longer_counts():
    assert chosen("It is New York", ["New", "New York"]) == 1
    assert chosen("It is New Delhi", ["New", "New York"]) == 0


def test_texts_that_differ_in_their_sign_alone_are_told_apart_only_when_bare():
    choices = ["5", "-5", "0"]
    assert [chosen(text, choices) for text in ("5", "-5", "0", "-5.")] == [0, 1, 2, 1]
    assert chosen("It is -5", choices) is None
    assert chosen("It is 0", choices) == 2


def test_a_choice_longer_than_twelve_words_is_read_whole():
    long = "the " + " ".join(f"word{n}" for n in range(20))
    other = "the " + " ".join(f"word{n}" for n in range(19)) + " end"
    assert chosen(f"Surely {long}", [other, long]) == 1


@given(st.lists(st.text(max_size=10), max_size=5), st.text(max_size=40))
def test_a_choice_is_one_of_those_there_are(choices, answer):
    place = chosen(answer, choices)
    assert place is None or 0 <= place < len(choices)


@pytest.mark.parametrize(
    ("letter", "choices"),
    [("C", ["x", "y"]), ("", ["x"]), ("AB", ["x", "y"]), (0, ["x"]), ("A", []), ("A", "xy")],
)
def test_a_letter_that_names_no_choice_is_an_error(letter, choices):
    with pytest.raises(DataError, match=r"meta\."):
        place_of(letter, choices)


def test_a_letter_may_be_small():
    assert place_of("b", ["x", "y"]) == 1


# --- yes and no -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("Yes", True),
        ("yes, it is", True),
        ("TRUE.", True),
        ("\n**No**\nyes", False),
        ("false", False),
        ("Not", None),
        ("It is yes", None),
        ("Yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_yes_and_no_by_example(answer, says):
    assert polarity(answer) is says


def test_golds_are_of_yes_or_no_only_if_every_one_is():
    assert wanted_polarity(["No", "false"]) is False
    assert wanted_polarity(["yes", "Rome"]) is None
    assert wanted_polarity([]) is None


# --- regular expressions ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "patterns", "found"),
    [
        ("Mount Everest", ["everest"], True),
        ("It has 1,000 m", [r"1,?000"], True),
        ("Paris\nRome", ["rome"], False),
        ("\n\nRome", ["^rome$"], True),
        ("Rome", ["Paris", "Ro.e"], True),
        ("Rome", [], False),
        ("", [""], False),
        (None, [".*"], False),
        ("x" * 300 + "Rome", ["Rome"], False),
    ],
)
def test_a_pattern_by_example(answer, patterns, found):
    assert pattern_match(answer, patterns) is found


@pytest.mark.parametrize("broken", ["(", "[z-a]", "a{1}{2}", "\\", "(?P<x", "(" * 900])
@pytest.mark.parametrize("answer", ["Rome", "", None])
def test_an_invalid_pattern_is_an_error_whatever_the_answer(broken, answer):
    with pytest.raises(DataError, match="is not a regular expression"):
        pattern_match(answer, ["Rome", broken])


def test_a_pattern_that_takes_exponential_time_is_stopped():
    with pytest.raises(DataError, match="takes too long"):
        pattern_match("a" * 100 + "b", ["(a|a)+$"])


@pytest.mark.parametrize("large", ["a" * 1001, "((a{1000}){1000}){1000}", "(a{99}){1,999}"])
def test_a_pattern_that_takes_too_much_memory_is_not_begun(large):
    with pytest.raises(DataError, match="too large"):
        pattern_match("aaa", [large])


def test_counts_of_an_ordinary_size_are_read():
    assert pattern_match("12,345,678 people", [r"\d{1,3}(,\d{3}){0,3} people"], whole=True)


@given(st.text(st.sampled_from("ab(|)*+?[]{1,}\\d.^$"), max_size=12), st.text(max_size=20))
def test_any_pattern_is_matched_or_refused(pattern, answer):
    try:
        whole = pattern_match(answer, [pattern], whole=True)
        assert pattern_match(answer, [pattern]) or not whole
    except DataError:
        return


# --- token efficiency -------------------------------------------------------------------------


def test_token_efficiency_is_mean_exact_match_by_mean_prompt_length():
    # Means 2/3 and (100 + 200 + 300) / 3 = 200.
    em, tokens = [True, True, False], [100, 200, 300]
    assert token_efficiency(em, tokens) == pytest.approx((2 / 3) / 200)
    assert token_efficiency(em, tokens, per=1000) == pytest.approx(1000 * (2 / 3) / 200)


@pytest.mark.parametrize(
    ("em", "tokens"),
    [([1], [0]), ([1, 1], [5, -5]), ([1, 0], [5]), ([], []), ([math.nan], [5]), ([2], [5])],
)
def test_token_efficiency_of_broken_columns_is_an_error(em, tokens):
    with pytest.raises(DataError):
        token_efficiency(em, tokens)
