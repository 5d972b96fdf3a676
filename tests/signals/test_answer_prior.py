"""How likely an answer would be if nothing had been asked."""

from __future__ import annotations

import math

import pytest
from models.tiny import tiny_model
from stand_ins import question

from rag_router.models.prompts import PromptStyle, closed_book_prompt
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board, ClosedBookAnswer
from rag_router.signals.answer_prior import AnswerPrior
from rag_router.signals.answer_states import answer_tokens

STYLE = PromptStyle(shots=0)
SCRIPT = {"Hamlet": Reply("yes", 0.9), "sky": Reply("", 0.9), "sea": Reply("no", 0.8)}


def board(*texts, model=None):
    # Without a question, " yes" is what the model would say, and it would not be sure.
    model = model or ScriptedModel(SCRIPT, otherwise=Reply(" yes", 0.3))
    return Board(model, STYLE, [question(text, str(n)) for n, text in enumerate(texts)])


def priors(facts):
    return facts.read(AnswerPrior(), range(len(facts.questions)))


def test_every_token_of_the_answer_is_asked_for_without_the_question():
    # Bytes are tokens: " yes" has four, each of probability 0.3.
    assert priors(board("Hamlet?"))[0] == pytest.approx([math.log(0.3)] * 4, abs=1e-6)


def test_what_would_not_be_said_unasked_is_unlikely():
    # " " is what would be said; for "n" the other 257 tokens share 0.7.
    space, n, _ = priors(board("sea?"))[0]
    assert (space, n) == pytest.approx((math.log(0.3), math.log(0.7 / 257)), abs=1e-5)


def test_an_empty_answer_has_none():
    facts = board("sky?")
    assert priors(facts) == [()]
    assert facts.cost(0).forward_rows == pytest.approx(
        1 + len(facts.read(ClosedBookAnswer(), [0])[0].tokens)
    )


def test_answers_of_any_lengths_are_read_alike_alone_and_together():
    texts = ["sea?", "sky?", "Hamlet?", "the sea?"]
    together = priors(board(*texts))
    assert together == [priors(board(text))[0] for text in texts]


def test_a_network_gives_what_it_gives_when_every_beginning_is_read_anew():
    model = tiny_model("gemma3")
    facts = board("?", "a?", model=model)
    answers = facts.read(ClosedBookAnswer(), [0, 1])
    for answer, prior in zip(answers, priors(facts), strict=True):
        assert prior == pytest.approx(read_anew(model, answer.text), abs=1e-4)


def read_anew(model, answer):
    """Log-probabilities of the answer's tokens by reading every beginning from the start."""
    ids = list(closed_book_prompt(model, STYLE, "").ids)
    found = []
    for token in answer_tokens(model, answer):
        logits = model.prefill([ids]).logits
        found.append(float(logits.log_softmax(dim=-1)[0, token]))
        ids.append(token)
    return found
