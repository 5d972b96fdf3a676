from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag_router.filters.votes import count_votes, keywords


def test_phrases_stand_between_function_words_and_punctuation():
    assert keywords("Lalo Schifrin, an Argentine composer") == (
        "lalo schifrin",
        "argentine composer",
        "lalo schifrin argentine composer",
    )
    assert keywords("in 1932") == ("1932", "in 1932")
    assert keywords("the Tiber\nof Rome") == ("tiber",)


def test_commas_within_numbers_and_hyphens_within_words_hold_them_together():
    assert keywords("1,932 men") == ("1932 men",)
    assert keywords("a 24-part play") == ("24part play",)


def test_of_five_answers_two_must_agree():
    # min(3, 0.3 * 5) = 1.5, and at least 2 of several.
    vote = count_votes(["Oslo", "Oslo!", "in Oslo", "Bergen", "Oslo, Norway"])
    assert (vote.answering, vote.needed, vote.counts["oslo"]) == (5, 2, 4)
    assert vote.winning == ("oslo",)
    assert [vote.agrees(n) for n in range(5)] == [True, True, True, False, True]
    assert vote.best == 4


def test_of_twenty_answers_three_suffice():
    # min(3, 0.3 * 20 = 6) = 3.
    vote = count_votes(["Rome"] * 15 + ["Oslo"] * 3 + ["Bergen"] * 2)
    assert (vote.needed, vote.winning) == (3, ("rome", "oslo"))


def test_the_published_rule_lets_one_of_three_carry_its_keyword():
    # min(3, 0.3 * 3 = 0.9) = 0.9, so that a keyword held once wins.
    answers = ["Rome", "Oslo", "Bergen"]
    assert len(count_votes(answers, least=1).winning) == 3
    assert count_votes(answers).winning == ()


def test_who_abstains_is_set_aside():
    vote = count_votes(["I don't know", "Rome", "", "unknown", "Rome"])
    assert (vote.answering, vote.voices) == (2, (None, "rome", None, None, "rome"))
    assert vote.winning == ("rome",)


def test_where_all_abstain_there_is_no_information():
    vote = count_votes(["", "I don't know"])
    assert (vote.answering, vote.winning, vote.best) == (0, (), 0)
    assert not vote.agrees(0)


def test_a_lone_answer_stands_where_nobody_says_otherwise():
    assert count_votes(["Rome", "", ""]).winning == ("rome",)


def test_two_that_differ_are_a_draw():
    assert count_votes(["Rome", "Oslo"]).winning == ()


def test_a_shorter_answer_agrees_with_one_that_holds_it_and_a_shared_first_name_is_no_agreement():
    vote = count_votes(["Schifrin", "Lalo Schifrin", "John Adams", "John Williams"])
    assert vote.voices == ("schifrin", "schifrin", "john adams", "john williams")
    assert vote.winning == ("schifrin",)


def test_other_scripts_and_numbers_vote_as_well():
    assert count_votes(["東京", "東京", "大阪"]).winning == ("東京",)
    assert count_votes(["23", "23", "24"]).winning == ("23",)


def test_nothing_votes_for_nothing():
    assert count_votes([]).winning == ()


@given(
    st.lists(st.sampled_from(["Rome", "old Rome", "Oslo", "", "7"]), min_size=4, max_size=7),
    st.integers(0, 3),
    st.sampled_from(["Bergen", "", "no idea at all"]),
)
def test_one_answer_can_neither_carry_its_keyword_nor_silence_three_that_agree(others, at, said):
    answers = [*["Paris"] * 3, *others]
    answers[min(at, 2)] = said
    winning = count_votes(answers).winning
    assert not {"bergen", "no idea at all"} & set(winning)
    # Two still say Paris; as many are needed unless seven or more answer: ceil(0.3 * 7) = 3.
    if sum(bool(a) for a in answers) <= 6:
        assert "paris" in winning
