from __future__ import annotations

import time
from dataclasses import replace

import pytest
from stand_ins import WORDS, judged, question

from rag_router.errors import SettingsError
from rag_router.filters import FilterContext, run_filters
from rag_router.filters.budget import BudgetFilter
from rag_router.filters.organise import OrganiseFilter
from rag_router.filters.voting import VotingFilter
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board

ASKED = "when was the aurora bridge opened"
IN_32 = "The Aurora Bridge was opened in 1932 and carries six lanes over Lake Union."
IN_33 = "The Aurora Bridge was opened in 1933 and carries six lanes over Lake Union."
BEES = "Honey is made by bees."


def titled(*pairs):
    line = judged(*(text for _, text in pairs))
    return [
        replace(one, hit=replace(one.hit, passage=replace(one.hit.passage, title=title)))
        for one, (title, _) in zip(line, pairs, strict=True)
    ]


def conclude(line, asked=ASKED, filter_=None, context=WORDS):
    return (filter_ or OrganiseFilter()).conclude([asked], [line], context)[0]


def groups(found):
    return [
        (group.relation, "".join(id_ for _, id_ in group.passages), group.apart)
        for group in found.groups
    ]


def kept(found):
    return "".join(one.hit.passage.id for one in found.judged if one.kept)


def reading(*asked, script):
    """A context whose generator answers from a passage what the script says of its text."""
    model = ScriptedModel(script, otherwise=Reply("nothing of it", 0.5))
    board = Board(model, PromptStyle(shots=0), [question(text) for text in asked])
    return FilterContext(len, board, tuple(range(len(asked))))


def test_of_those_that_say_the_same_the_first_stays_and_names_the_others():
    found = conclude(judged(IN_32, BEES, IN_32.lower(), f"{IN_32} It is old."))
    assert (kept(found), groups(found)) == (
        "ab",
        [("duplicate", "acd", False), ("distracting", "b", False)],
    )
    assert found.judged[0].why == "kept; passage c, d says the same"
    assert found.judged[2].why == "says the same as passage a"


def test_the_same_sentence_with_another_number_contradicts_instead_of_repeating():
    # 13 words without the articles, 10 runs of four, of which the year breaks four: 6 / 10
    # reaches the threshold, and yet they do not say the same.
    found = conclude(judged(IN_32, IN_33, BEES))
    assert kept(found) == "abc"
    assert groups(found) == [
        ("contradicting", "a", True),
        ("contradicting", "b", True),
        ("distracting", "c", False),
    ]
    assert [group.reason for group in found.groups[:2]] == ["says '1932'", "says '1933'"]


def test_others_that_hold_one_of_the_answers_join_its_side():
    more = "Opened to all in 1932, the Aurora Bridge was a success."
    found = conclude(judged(IN_32, IN_33, more))
    assert groups(found) == [("contradicting", "ac", True), ("contradicting", "b", True)]


def test_a_side_that_leads_by_two_passages_wins_and_the_other_is_dropped():
    more = [
        "Cars have used the Aurora Bridge since it was opened in 1932.",
        "In 1932 the mayor himself opened the Aurora Bridge.",
        "Of all the bridges that were opened in 1932 the Aurora is the longest.",
    ]
    found = conclude(judged(IN_33, IN_32, *more[:2]))  # 3 to 1
    assert kept(found) == "bcd"
    assert found.judged[0].why == "says '1933', and 3 passages say otherwise"
    assert groups(found) == [("contradicting", "bcd", False), ("contradicting", "a", False)]
    assert kept(conclude(judged(IN_33, IN_32, more[0]))) == "abc"  # 2 to 1 decides nothing
    assert kept(conclude(judged(IN_33, IN_32, *more), filter_=OrganiseFilter(lead=4))) == "abcde"


def test_copies_of_one_passage_count_once():
    found = conclude(judged(IN_33, IN_32, IN_32, IN_32, IN_32))
    assert (kept(found), [group.relation for group in found.groups]) == (
        "ab",
        ["duplicate", "contradicting", "contradicting"],
    )


def test_bearers_of_one_name_are_told_apart_unless_the_question_says_which():
    line = titled(
        ("Mercury (planet)", "It has no moon."),
        ("Mercury (element)", "It is a liquid metal."),
        ("Mercury (planet) > Orbit", "A year takes 88 days."),
        ("Venus", "It is hot."),
    )
    found = conclude(line, "how heavy is mercury")
    assert groups(found) == [
        ("ambiguous", "ac", True),
        ("ambiguous", "b", True),
        ("distracting", "d", False),
    ]
    assert found.groups[0].reason == "is about 'Mercury (planet)'"
    meant = conclude(line, "how heavy is the planet mercury")
    assert "ambiguous" not in [group.relation for group in meant.groups]
    assert "ambiguous" not in [group.relation for group in conclude(line, "how hot is it").groups]


def test_without_setting_apart_groups_are_named_and_nothing_else():
    found = conclude(judged(IN_32, IN_33), filter_=OrganiseFilter(apart=False))
    assert groups(found) == [("contradicting", "a", False), ("contradicting", "b", False)]


SAYS = {
    "carries six": Reply("1932", 0.9),
    "old guide": Reply("in 1931", 0.9),
    "Bees": Reply("1931", 0.9),  # which does not stand in its passage
}
GUIDE = "An old guide to the Aurora Bridge has it that they opened it in 1931."


def test_answers_from_each_passage_alone_tell_contradictions_that_words_do_not():
    line = judged(IN_32, GUIDE, "Bees hum. The Aurora Bridge is opened.")
    assert [one.relation for one in conclude(line).groups] == ["distracting"]
    context = reading(ASKED, script=SAYS)
    found = conclude(line, filter_=OrganiseFilter(answers=True), context=context)
    assert groups(found) == [
        ("contradicting", "a", True),
        ("contradicting", "b", True),
        ("distracting", "c", False),
    ]
    assert found.groups[1].reason == "says 'in 1931'"


def test_answers_that_somebody_asked_for_before_are_used_and_cost_nothing_more():
    line, context = judged(IN_32, GUIDE), reading(ASKED, script=SAYS)
    VotingFilter().judge([ASKED], [line], context)
    spent = context.board.cost(0)
    assert [one.relation for one in conclude(line, context=context).groups] == ["contradicting"] * 2
    assert context.board.cost(0) == spent


def test_a_passage_that_hardly_speaks_of_the_question_contradicts_nobody():
    line = judged(IN_32, "An old guide to Rome names 1931.")
    found = conclude(
        line, filter_=OrganiseFilter(answers=True), context=reading(ASKED, script=SAYS)
    )
    assert "contradicting" not in [group.relation for group in found.groups]


def test_asking_the_generator_needs_one():
    with pytest.raises(SettingsError, match="'organise' asks the generator"):
        conclude(judged(IN_32, IN_33), filter_=OrganiseFilter(answers=True))


def test_in_a_chain_the_evidence_shows_the_groups():
    hits = [one.hit for one in judged(IN_32, IN_33, BEES)]
    found = run_filters([OrganiseFilter(), BudgetFilter(passages=1)], [ASKED], [hits], WORDS)[0]
    assert [group.relation for group in found.groups] == [
        "contradicting",
        "contradicting",
        "distracting",
    ]
    assert [one.hit.passage.id for one in found.kept] == ["a"]


@pytest.mark.parametrize(
    "texts", [[], [IN_32], ["", "?"], ["東京は日本の首都。", "大阪"], ["1", "2"]]
)
def test_few_odd_passages_make_no_disagreement(texts):
    found = conclude(judged(*texts), "東京 1 2")
    assert len(found.judged) == len(texts)
    assert not {group.relation for group in found.groups} & {"contradicting", "ambiguous"}


def test_two_hundred_passages_and_one_endless_sentence_take_little_time():
    line = [
        replace(one, hit=replace(one.hit, passage=replace(one.hit.passage, id=str(n))))
        for n, one in enumerate(
            judged(f"The Aurora Bridge was opened in {1000 + n} and carries six lanes.")[0]
            for n in range(200)
        )
    ]
    line += judged(f"{ASKED} " * 1600, f"{ASKED} " * 1599)
    begun = time.process_time()
    found = conclude(line)
    assert time.process_time() - begun < 5
    assert sum(group.relation == "contradicting" for group in found.groups) == 20


def test_a_passage_that_is_the_question_itself_is_like_any_other():
    found = conclude(judged(ASKED, IN_32))
    assert kept(found) == "ab"
