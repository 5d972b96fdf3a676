"""Votes of experts on answers, counted by hand."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from listed_answers import Listed
from stand_ins import question

from rag_router.errors import UnavailableError
from rag_router.experts.fusion.ballots import Ballot, counted, weight_of
from rag_router.experts.fusion.vote import VoteFusion

RIVER = question("Which river?")


def asked(*answers, **more):
    """What a vote makes of these answers of experts a, b, c, ..."""
    experts = {
        name: Listed(name, {RIVER.text: one}) for name, one in zip("abcd", answers, strict=False)
    }
    return VoteFusion(**more).ask(experts, [RIVER])[0]


def test_the_vote_of_one_expert_is_as_sure_as_that_expert():
    assert counted([Ballot("Arno", 0.7)], alternatives=10)[0].probability == pytest.approx(0.7)


def test_two_that_agree_are_surer_the_more_wrong_answers_there_might_be():
    two = [Ballot("Arno", 0.5), Ballot("the Arno!", 0.5)]
    # Each has odds of 1, times M: with M = 3, 9 against 3 unsaid answers of weight 1.
    assert counted(two, alternatives=3)[0].probability == pytest.approx(9 / 12)
    # With M = 9, 81 against 9.
    assert counted(two, alternatives=9)[0].probability == pytest.approx(81 / 90)


def test_two_unsure_experts_that_agree_beat_a_surer_one():
    # Odds 1/4 each times M = 8: 2 * 2 = 4, against 2/3 * 8 = 16/3 of one of 0.4: it stays ahead.
    votes = [Ballot("Tiber", 0.4), Ballot("Arno", 0.2), Ballot("Arno", 0.2)]
    first, second = counted(votes, alternatives=8)
    assert first.voters == (0,)
    # 16/3 against 4 and 8 + 1 - 2 = 7 unsaid ones.
    assert first.probability == pytest.approx((16 / 3) / (16 / 3 + 4 + 7))
    assert second.probability == pytest.approx(4 / (16 / 3 + 4 + 7))
    # With M = 20 it is 5 * 5 = 25 against 40/3.
    assert counted(votes, alternatives=20)[0].voters == (1, 2)


def test_a_vote_weighs_its_log_odds_and_the_answers_it_passed_by():
    assert weight_of(0.75, 1) == pytest.approx(math.log(3))
    assert weight_of(0.75, 5) == pytest.approx(math.log(15))
    # One that is right once in eleven, among ten wrong answers, guesses.
    assert weight_of(1 / 11, 10) == pytest.approx(0.0)
    assert math.isfinite(weight_of(1.0, 10))
    assert math.isfinite(weight_of(0.0, 10))


def test_of_equal_answers_the_one_with_more_voters_wins_and_then_the_first():
    assert asked(("Tiber", 0.6), ("Arno", 0.6)).text == "Tiber"
    # With M = 1 two votes of odds 2 are worth as much as one of odds 4.
    votes = [Ballot("Tiber", 0.8), Ballot("Arno", 2 / 3), Ballot("Arno", 2 / 3)]
    assert counted(votes, alternatives=1)[0].voters == (1, 2)


def test_the_words_are_those_of_the_surest_expert_of_the_winning_side():
    answer = asked(("arno", 0.5), ("The Arno", 0.6), ("Tiber", 0.55))
    assert (answer.text, answer.route.expert.name) == ("The Arno", "b")


def test_everybodys_answer_is_told_and_everybodys_cost_is_added_up():
    answer = asked(("Arno", 0.75), (None, 0.9), ("Tiber", 0.5), alternatives=1)
    told = [(one.expert, one.answer, one.confidence) for one in answer.route.opinions]
    assert told == [("a", "Arno", 0.75), ("b", None, None), ("c", "Tiber", 0.5)]
    # Odds 3 and 1; nothing is unsaid of two answers.
    assert answer.confidence == pytest.approx(0.75)
    first, second, third = answer.route.opinions
    assert first.weight == pytest.approx(math.log(3))
    assert first.why == "wins with 1 vote, P(right) 0.75"
    assert second.why == "abstained"
    assert third.why == "loses with 1 vote, P(right) 0.25"
    assert (answer.usage.prompt_tokens, answer.usage.lm_forward_passes) == (30, 9)
    assert answer.timings_ms == {"total": 15.0}


def test_an_abstention_is_no_vote_and_where_all_abstain_the_first_one_speaks():
    assert asked((None, 0.99), ("Arno", 0.1)).text == "Arno"
    answer = asked((None, 0.9), (None, 0.8))
    assert (answer.abstained, answer.route.expert.name, answer.confidence) == (True, "a", 0.9)


def test_who_cannot_answer_is_left_out_and_that_is_said():
    experts = {
        "a": Listed("a", {}, trouble="nobody home."),
        "b": Listed("b", {RIVER.text: ("Arno", 0.5)}),
    }
    answer = VoteFusion().ask(experts, [RIVER])[0]
    assert answer.text == "Arno"
    assert [note.what for note in answer.degraded] == ["a could not answer: nobody home."]
    with pytest.raises(UnavailableError, match="nobody home"):
        VoteFusion().ask({"a": experts["a"]}, [RIVER])


def test_what_is_wanted_is_handed_on_to_every_expert():
    experts = {name: Listed(name, {RIVER.text: ("Arno", 0.5)}) for name in "ab"}
    VoteFusion().ask(experts, [RIVER], "as it is")
    assert [one.wanted for one in experts.values()] == [["as it is"]] * 2


def test_an_answer_in_json_shows_what_each_expert_said():
    told = asked(("Arno", 0.75), ("Tiber", 0.5), alternatives=1).to_json()["route"]["opinions"]
    assert told[0] == {
        "expert": "a",
        "answer": "Arno",
        "confidence": 0.75,
        "weight": 1.0986,
        "why": "wins with 1 vote, P(right) 0.75",
    }


ballot = st.builds(Ballot, st.sampled_from(["x", "y", "z", None]), st.floats(0.0, 1.0))


@given(st.lists(ballot, min_size=1, max_size=6), st.integers(1, 50))
def test_probabilities_of_the_answers_are_ordered_and_sum_to_at_most_one(ballots, alternatives):
    counts = counted(ballots, alternatives=alternatives)
    shares = [one.probability for one in counts]
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(shares))
    assert sum(shares) <= 1 + 1e-9
    voters = sorted(k for one in counts for k in one.voters)
    assert voters == [k for k, one in enumerate(ballots) if one.answer is not None]


@given(st.lists(ballot, min_size=1, max_size=5), st.floats(0.5, 0.99))
def test_one_more_vote_of_an_expert_that_is_not_misled_never_hurts_an_answer(ballots, sure):
    def of_x(some):
        counts = counted(some, alternatives=10)
        said = [one.probability for one in counts if some[one.voters[0]].answer == "x"]
        return said[0] if said else 0.0

    assert of_x([*ballots, Ballot("x", sure)]) >= of_x(ballots) - 1e-9
