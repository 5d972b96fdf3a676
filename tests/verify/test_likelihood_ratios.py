from __future__ import annotations

import math

import pytest
from stand_ins import passage, question

from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board, ClosedBookPass
from rag_router.verify import Claim, VerifyContext
from rag_router.verify.ratios import read_ratios, without_sentences

TEXT = "Rome is old. The Tiber is its river. It has hills."


def script(prompt):
    """The model is sure of the Tiber where it reads of it, and says so less often by itself."""
    asked = prompt.rpartition("Question: ")[2]
    if "river" not in asked:
        return Reply("no", 0.5)
    return Reply("Tiber", 0.9 if "The Tiber is" in prompt else 0.3)


MODEL = ScriptedModel(script)


def context(*texts):
    board = Board(MODEL, PromptStyle.of(MODEL), [question(t, str(n)) for n, t in enumerate(texts)])
    board.read(ClosedBookPass(), range(len(texts)))
    return VerifyContext(board, tuple(range(len(texts))))


def claim(text, *read, answer="Tiber", logprobs=()):
    return Claim(
        question=text,
        answer=answer,
        passages=tuple(passage(one, str(n)) for n, one in enumerate(read)),
        logprobs=logprobs,
    )


def test_only_the_sentences_that_hold_the_answer_are_taken_out():
    (left,) = without_sentences("Tiber", [passage(TEXT)])
    assert left.text == "Rome is old. It has hills."


def test_a_passage_that_is_nothing_else_goes_whole():
    assert without_sentences("Tiber", [passage("The Tiber is its river.")]) == ()


def test_the_ratios_by_hand():
    # The first byte of " Tiber" is off script, so that it and what follows is as unlikely in all
    # three prompts; a claim without that space is what a chat model would be asked about.
    asked = "what river?"
    (found,) = read_ratios([claim(asked, TEXT, logprobs=(math.log(0.9),))], context(asked))
    (bare,) = read_ratios([claim(asked, TEXT, logprobs=(math.log(0.6),))], context(asked))
    # Less by log(0.9 / 0.6) with the passages is less by as much against both others.
    assert found.mean == pytest.approx(math.log(0.9))
    assert found.rise - bare.rise == pytest.approx(math.log(0.9 / 0.6))
    assert found.drop - bare.drop == pytest.approx(math.log(0.9 / 0.6))
    assert (found.stands, found.words) == (True, 1)


def test_an_answer_that_stands_nowhere_drops_nothing():
    asked = "what river?"
    (found,) = read_ratios([claim(asked, "Oslo lies on a fjord.")], context(asked))
    assert (found.stands, found.drop) == (False, 0.0)


def test_where_nothing_is_left_the_question_alone_is_the_rest():
    asked = "what river?"
    (found,) = read_ratios([claim(asked, "The Tiber is its river.")], context(asked))
    assert found.drop == pytest.approx(found.rise)


def test_what_was_read_is_charged_to_its_question():
    asked = context("what river?", "what hill?")
    before = [asked.board.cost(row) for row in asked.rows]
    read_ratios([claim("what river?", TEXT)], VerifyContext(asked.board, (0,)))
    after = [asked.board.cost(row) for row in asked.rows]
    assert after[0].forward_rows > before[0].forward_rows
    assert after[0].prefill_tokens > before[0].prefill_tokens
    assert after[1] == before[1]


def test_claims_are_read_the_same_alone_and_in_company():
    some = [claim("what river?", TEXT), claim("what hill?", TEXT, answer="Rome")]
    together = read_ratios(some, context("what river?", "what hill?"))
    alone = [read_ratios([one], context(one.question))[0] for one in some]
    assert together == alone
