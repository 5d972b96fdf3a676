from __future__ import annotations

import pytest
from conflict_rows import ToldTyper, asked, passage, target

from rag_router.eval.conflicts import AnswerType
from rag_router.eval.conflicts.numbers import NumberSort
from rag_router.eval.conflicts.targets import Skipped, find_target, gold_passages

NUMBERS = ToldTyper(dict.fromkeys(("seven", "Seven", "159 counties", "159"), AnswerType.NUMERIC))


def test_gold_is_what_is_annotated_as_gold():
    contexts = [
        passage("one", id="1", is_gold=True),
        passage("two", id="2", is_gold=None, has_answer=True),
        passage("three", id="3", is_gold=False, has_answer=True),
        passage("", id="4", is_gold=True),
    ]
    assert [p.id for p in gold_passages(asked("", contexts=contexts))] == ["1"]
    # Without annotation, what is said to hold the answer; never what is annotated as not gold.
    assert [p.id for p in gold_passages(asked("", contexts=contexts[1:]))] == ["2"]
    assert gold_passages(asked("", contexts=contexts[2:])) == []
    assert gold_passages(asked("", contexts=[passage("five", other=1)])) == []


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (asked("In Oslo.", "Oslo", contexts=[]), "no_gold_passage"),
        (asked("In Oslo."), "no_answer"),
        (asked("In Oslo.", "?", ""), "no_answer"),
        (asked("In Oslovia.", "Oslo"), "answer_not_in_passage"),
        (asked("Of ice and fire.", "ice"), "other_type"),
        (asked("Oslo, on 4 May.", "Oslo", "4 May"), "mixed_types"),
        # Two answers of which only one has a type: one name must not stand for both.
        (asked("Oslo, of ice.", "Oslo", "ice"), "mixed_types"),
        (asked("In Oslo, Bergen and Rome.", "Oslo", "Bergen"), "several_answers"),
        (asked("By Oslo and Bergen.", "Oslo", "Bergen"), "several_answers"),
        (asked("Turkey has turkey.", "Turkey"), "also_an_ordinary_word"),
        (asked("The U.S. told us.", "U.S."), "answer_stays"),
        (asked("In the U.S. of A.", "U.S.", title="About us"), "answer_stays"),
    ],
)
def test_what_cannot_be_replaced_says_why(question, reason):
    typer = ToldTyper({"ice": AnswerType.OTHER, "4 May": AnswerType.DATE})
    assert find_target(question, typer) is Skipped(reason)


def test_different_answers_apart_from_each_other_are_replaced_alike():
    found = target("In Oslo it rains, unlike in Bergen.", "Oslo", "Bergen")
    assert (found.aliases, found.name) == (("Bergen", "Oslo"), "Oslo")


def test_only_passages_that_hold_the_answer_are_altered_and_kept_as_given():
    decomposed = "In Malmo\u0308."  # "Malmö" in two code points for its last letter
    contexts = [
        passage("In Oslo.", id="1"),
        passage("In Rome.", id="2"),
        passage(decomposed, id="3"),
    ]
    found = target("", "Oslo", "Malmö", contexts=contexts)
    assert [p.id for p in found.passages] == [p.id for p in found.originals] == ["1", "3"]
    assert found.passages[1].text == "In Malmö."
    assert found.originals[1].text == decomposed


def test_the_name_is_the_shortest_spelling_in_the_passage():
    assert target("Oslo, Norway. Oslo!", "Oslo, Norway", "Oslo").name == "Oslo"
    assert target("OSLO!", "Oslo").name == "Oslo"
    assert target("159 counties", "159 counties", "159", typer=NUMBERS).name == "159"
    assert target("Seven of them.", "seven", typer=NUMBERS).name == "seven"


def test_the_name_of_a_person_is_whole_and_a_date_stays_exact():
    people = ToldTyper(dict.fromkeys(("Curie", "Marie Curie"), AnswerType.PERSON))
    assert target("Marie Curie. Curie!", "Curie", "Marie Curie", typer=people).name == "Marie Curie"
    dates = ToldTyper({"4 May 1950": AnswerType.DATE})
    assert target("On 4 May 1950.", "4 May 1950", "1950", typer=dates).name == "4 May 1950"


def test_only_numbers_have_a_sort():
    assert target("159 counties", "159 counties", typer=NUMBERS).sort is NumberSort.MEASURE
    assert target("In Oslo.", "Oslo").sort is None


@pytest.mark.parametrize(
    ("meta", "known"),
    [
        ({"o_pop": 7, "popularity": 8}, 7.0),
        ({"popularity": 8.5, "views": 9}, 8.5),
        ({"views": 9}, 9.0),
        ({"s_pop": 9}, None),
        ({"views": "many"}, None),
        ({"views": float("nan")}, None),
    ],
)
def test_popularity_is_that_of_the_answer(meta, known):
    assert target("In Oslo.", "Oslo", meta=meta).popularity == known
