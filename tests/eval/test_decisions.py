from __future__ import annotations

from dataclasses import replace

import pytest
from little_house import SCRIPT, scripted_expert

from rag_router.assembly import Parts, assemble
from rag_router.errors import DataError
from rag_router.eval.decisions import expected_decision, made_decision, was_right
from rag_router.settings import Settings
from rag_router.types import Question


def question(decision: object, *answers: str) -> Question:
    return Question(id="q1", text="?", answers=answers, meta={"decision": decision})


@pytest.fixture(scope="module")
def answers():
    alone = Parts(expert=scripted_expert(SCRIPT), embedder=None, indexes={})
    known, unknown = assemble(Settings(), alone).answer(["The capital of France?", "Who will win?"])
    return {"known": known, "unknown": unknown}


@pytest.mark.parametrize("decision", ["knows", "look_up", "nobody_knows", "conflict"])
def test_the_set_says_what_is_right(decision):
    assert expected_decision(question(decision)) == decision


@pytest.mark.parametrize("said", [None, "know", 1, ["knows"], ""])
def test_a_set_that_says_something_else_is_told_what_it_may_say(said):
    with pytest.raises(DataError, match=r"question q1: meta\.decision is") as caught:
        expected_decision(question(said))
    assert "look_up" in caught.value.hint
    with pytest.raises(DataError):
        expected_decision(Question(id="q1", text="?"))


def test_what_was_done_is_told_in_words(answers):
    assert made_decision(answers["known"]) == "knew"
    assert made_decision(answers["unknown"]) == "declined"
    assert made_decision(replace(answers["known"], reason="contextual")) == "looked up"
    assert made_decision(replace(answers["known"], reason="contrast")) == "weighed both"


@pytest.mark.parametrize("decision", ["knows", "look_up", "conflict"])
def test_a_gold_alias_is_right_however_it_was_come_by(answers, decision):
    assert was_right(question(decision, "Lutetia", "paris"), answers["known"])
    assert not was_right(question(decision, "Lyon"), answers["known"])
    assert not was_right(question(decision, "Paris"), answers["unknown"])


def test_declining_is_right_only_where_nobody_knows(answers):
    assert was_right(question("nobody_knows"), answers["unknown"])
    assert not was_right(question("nobody_knows"), answers["known"])
    assert not was_right(question("nobody_knows", "Paris"), answers["known"])
