from __future__ import annotations

import pytest
from stand_ins import WORDS, judged, question

from rag_router.errors import SettingsError
from rag_router.filters import FilterContext
from rag_router.filters.voting import VotingFilter
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board

ASKED = "where is it"
SAYS = {
    f"{place} says": Reply(place, 0.9) for place in ("Oslo", "Rome", "Paris", "東京", "1932")
} | {"mute": Reply("I don't know"), "dream": Reply("Atlantis")}


def reading(*asked):
    model = ScriptedModel(SAYS, otherwise=Reply("nothing of it", 0.5))
    board = Board(model, PromptStyle(shots=0), [question(text) for text in asked])
    return FilterContext(len, board, tuple(range(len(asked))))


def run(*texts, **options):
    return VotingFilter(**options).judge([ASKED], [judged(*texts)], reading(ASKED))[0]


def kept(*texts, **options):
    return "".join(one.hit.passage.id for one in run(*texts, **options) if one.kept)


def test_one_false_passage_among_four_that_agree_is_dropped():
    out = run("Rome says a", "Oslo says a", "Oslo says b", "Oslo says c", "Oslo says d")
    assert [one.kept for one in out] == [False, True, True, True, True]
    assert out[0].why == "says 'Rome'; 4 of 5 passages that answer say otherwise"
    assert out[1].why == "kept; says 'Oslo', like 4 of 5 passages that answer"


def test_two_that_agree_hold_their_ground():
    assert (
        kept("Rome says a", "Rome says b", "Oslo says a", "Oslo says b", "Oslo says c") == "abcde"
    )
    assert kept("Rome says a", "Rome says b", "Oslo says a") == "ab"


def test_one_against_one_is_a_draw():
    assert kept("Rome says a", "Oslo says a") == "ab"


def test_under_the_published_rule_one_of_three_is_enough_to_stay():
    texts = ("Rome says a", "Oslo says a", "Oslo says b")
    assert (kept(*texts), kept(*texts, least=1)) == ("bc", "abc")


def test_of_a_sentence_around_the_answer_the_name_in_it_counts():
    model = ScriptedModel(
        {
            "old Rome": Reply("It is founded in Rome.", 0.9),
            "old Oslo": Reply("It is known as Oslo.", 0.9),
            "dull": Reply("It is where it is.", 0.9),
            "plain": Reply("It was founded.", 0.9),
        }
    )
    board = Board(model, PromptStyle(shots=0), [question(ASKED)])
    texts = ("old Rome was founded", "old Oslo a", "old Oslo b", "dull", "plain, founded")
    out = VotingFilter().judge([ASKED], [judged(*texts)], FilterContext(len, board, (0,)))[0]
    # "founded" stands in the passage, too, but is no name; what repeats the question says nothing.
    assert out[0].why == "says 'Rome'; 2 of 4 passages that answer say otherwise"
    assert out[1].why == "kept; says 'Oslo', like 2 of 4 passages that answer"
    assert out[3].why == "kept"
    assert out[4].why == "says 'founded'; 2 of 4 passages that answer say otherwise"


def test_who_says_nothing_or_what_does_not_stand_in_the_passage_dissents_from_nobody():
    texts = ("mute", "a dream", "Oslo says a", "Oslo says b", "Rome says a")
    assert kept(*texts) == "abcd"
    assert [one.why for one in run(*texts)[:2]] == ["kept", "kept"]
    assert kept("mute", "a dream", "") == "abc"


def test_other_scripts_and_numbers_vote_as_well():
    assert kept("東京 says a", "東京 says b", "1932 says a") == "ab"
    assert kept("1932 says a", "1932 says b", "東京 says a") == "ab"


def test_a_passage_alone_costs_nothing():
    context = reading(ASKED)
    line = judged("Rome says a")
    assert VotingFilter().judge([ASKED], [line], context) == [line]
    assert context.board.cost(0).forward_rows == 0


def test_passages_behind_the_first_few_are_left_as_they_are():
    texts = ("Oslo says a", "Oslo says b", "Oslo says c", "Rome says a")
    assert kept(*texts, passages=3) == "abcd"


def test_what_was_dropped_before_has_no_vote():
    line = judged("Rome says a", "Rome says b", "Oslo says a")
    line[0] = type(line[0])(hit=line[0].hit, kept=False, why="blank")
    out = VotingFilter().judge([ASKED], [line], reading(ASKED))[0]
    assert [one.kept for one in out] == [False, True, True]
    assert out[0] == line[0]


def test_without_a_generator_it_says_what_it_needs():
    with pytest.raises(SettingsError, match="'voting' asks the generator"):
        VotingFilter().judge([ASKED], [judged("a", "b")], WORDS)


def test_questions_vote_by_themselves():
    lines = [judged("Rome says a", "Oslo says a"), [], judged("Oslo says a")]
    out = VotingFilter().judge(["a", "b", "c"], lines, reading("a", "b", "c"))
    assert [[one.kept for one in line] for line in out] == [[True, True], [], [True]]
