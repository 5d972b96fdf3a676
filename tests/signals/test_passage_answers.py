"""What each passage says by itself, read once and shared."""

from __future__ import annotations

from stand_ins import passage, question

from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board, Cost, is_dear
from rag_router.signals.passage_answers import PassageAnswer, answers_alone

MODEL = ScriptedModel(
    {"Oslo lies": Reply("Oslo", 0.9), "Rome lies": Reply("Rome", 0.9)},
    otherwise=Reply("nowhere", 0.5),
)
ROME, OSLO = passage("Rome lies on the Tiber."), passage("Oslo lies on a fjord.")


def board(*texts, **more):
    style = PromptStyle(shots=0, passage_tokens=300)
    return Board(MODEL, style, [question(text) for text in texts], **more)


def texts(answers):
    return [answer.text for answer in answers]


def test_each_passage_is_answered_from_as_if_it_were_the_only_one():
    facts = board("where", "who", batch_size=2)
    said = answers_alone(facts, [(0, ROME), (1, OSLO), (0, OSLO)])
    assert texts(said) == ["Rome", "Oslo", "Oslo"]
    assert texts(said[2:]) == texts(answers_alone(board("where"), [(0, OSLO)]))


def test_every_answer_is_charged_and_read_once():
    facts = board("where")
    answers_alone(facts, [(0, ROME), (0, OSLO), (0, ROME)])
    prompts = [len(PassageAnswer(one.title, one.text).prompt(facts, 0).ids) for one in (ROME, OSLO)]
    # Of each a prompt, and a step behind each of its four bytes.
    spent = Cost(prefill_tokens=sum(prompts), decode_steps=2 * 4, forward_rows=2 * (1 + 4))
    assert facts.cost(0) == spent
    answers_alone(facts, [(0, OSLO)])
    assert facts.read(PassageAnswer(ROME.title, ROME.text), [0])[0].text == "Rome"
    assert facts.cost(0) == spent


def test_read_as_a_signal_it_is_the_same_fact():
    facts = board("where")
    assert facts.read(PassageAnswer("", OSLO.text), [0])[0].text == "Oslo"
    assert is_dear(PassageAnswer("", OSLO.text))


def test_a_passage_without_text_or_of_which_nothing_fits_says_nothing():
    facts = board("where")
    endless = passage("Oslo lies " * 5000)
    assert texts(answers_alone(facts, [(0, passage("")), (0, endless), (0, OSLO)])) == [
        "",
        "",
        "Oslo",
    ]
    assert facts.cost(0).forward_rows == 1 + 4


def test_a_model_that_may_abstain_is_told_so_and_that_is_another_fact():
    told = []

    def script(prompt):
        told.append("I don't know" in prompt)
        return Reply("Oslo", 0.9)

    facts = Board(ScriptedModel(script), PromptStyle(shots=0), [question("where")])
    answers_alone(facts, [(0, OSLO)])
    assert not any(told)
    answers_alone(facts, [(0, OSLO)], abstain=True)
    assert any(told)


def test_nothing_wanted_is_nothing_read():
    assert answers_alone(board("where"), []) == []
