from __future__ import annotations

import math

import pytest
from stand_ins import question

from rag_router.models.prompts import Inquiry, PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board
from rag_router.signals.replies import beginning, reply

INQUIRY = Inquiry(
    name="colour",
    instruction="Say whether it is red.",
    cue="Reply:",
    examples=((("Thing: a cherry",), "Red, as cherries are."),),
    yes=("Red",),
    no=("Not",),
)
MODEL = ScriptedModel(
    {"Thing: a rose\nReply:": Reply(" Red, as roses are.", 0.8)},
    otherwise=Reply("Not at all.\nThing: more", 0.8),
)


def board(batch_size=8):
    return Board(MODEL, PromptStyle(), [question("q")], batch_size=batch_size)


def test_it_replies_in_one_line_and_leans_before_it_does():
    rose, sky = reply(board(), INQUIRY, [["Thing: a rose"], ["Thing: the sky"]], max_new_tokens=40)
    assert rose.value.text == "Red, as roses are."
    assert sky.value.text == "Not at all."
    # It begins with a space, which begins both; "R" and "N" are as likely as each other then.
    assert rose.value.leaning.yes == pytest.approx(0.5)
    other = 0.2 / 257
    assert sky.value.leaning.yes == pytest.approx(other / (other + 0.8))
    assert math.isclose(sky.value.leaning.heard, other + 0.8, rel_tol=1e-5)


def test_replies_are_in_the_order_of_the_cases_whatever_the_batches():
    cases = [["Thing: " + "x" * n] if n % 2 else ["Thing: a rose"] for n in range(5)]
    found = [reply(board(size), INQUIRY, cases, max_new_tokens=9) for size in (1, 2, 8)]
    assert found[0] == found[1] == found[2]
    assert [one.value.text[:3] for one in found[0]] == ["Red", "Not", "Red", "Not", "Red"]


def test_a_reply_costs_its_prompt_and_its_steps():
    (one,) = reply(board(), INQUIRY, [["Thing: a rose"]], max_new_tokens=5)
    assert one.cost.forward_rows == 1 + one.cost.decode_steps
    prompt = (
        "Say whether it is red.\n\nThing: a cherry\nReply: Red, as cherries are.\n\n"
        "Thing: a rose\nReply:"
    )
    assert one.cost.prefill_tokens == 1 + len(prompt)  # and the begin token


def test_no_cases_are_no_replies():
    assert reply(board(), INQUIRY, [], max_new_tokens=5) == []


def test_the_beginning_of_a_text_is_as_many_tokens_as_are_wanted():
    assert beginning(board(), "abcdef", 3) == "abc"
    assert beginning(board(), "abc", 3) == "abc"
    assert beginning(board(), "x" * 1_000_000, 4) == "xxxx"
