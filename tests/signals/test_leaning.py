"""Which reply a model leans to, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from stand_ins import question

from rag_router.errors import ModelError
from rag_router.models.inquiries import CAN_ANSWER, TRUE_FALSE
from rag_router.models.prompts import Inquiry, PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board, ClosedBookAnswer, Cost, is_dear, requirements
from rag_router.signals.leaning import lean, leanings
from rag_router.signals.sampled_answers import SampledAnswers
from rag_router.signals.self_judgement import AskedAfter, AskedBefore, AskedByExample
from rag_router.signals.true_false import TrueAmongIdeas, TrueOrFalse

REST = 258 - 1
ALL = [
    TrueOrFalse(),
    TrueAmongIdeas(SampledAnswers(3)),
    AskedBefore(),
    AskedAfter(),
    AskedByExample(("known?",), ("unknown?",)),
]


def board(script, *texts, **more):
    model = ScriptedModel(script, otherwise=Reply("nothing to say", 0.5))
    return Board(model, PromptStyle(), [question(text) for text in texts], **more)


def logits(**p):
    """Byte probabilities; what is left is spread over the other bytes."""
    table = torch.full((258,), (1 - sum(p.values())) / (258 - len(p)))
    for letter, share in p.items():
        table[ord(letter)] = share
    return table.log()


def test_probabilities_of_all_ways_to_begin_a_reply_are_added_up():
    rows = torch.stack([logits(Y=0.4, y=0.2, N=0.1, n=0.1), logits(Y=0.1, N=0.3)])
    sides = ([ord("Y"), ord("y")], [ord("N"), ord("n")])
    some, others = leanings(rows, [sides, ([ord("Y")], [ord("N")])])
    assert (some.yes, some.heard) == (pytest.approx(0.6 / 0.8), pytest.approx(0.8))
    assert (others.yes, others.heard) == (pytest.approx(0.1 / 0.4), pytest.approx(0.4))


def test_replies_too_unlikely_to_show_are_compared_all_the_same():
    row = torch.zeros(4)
    row[1], row[2] = -1000.0, -1001.0
    (found,) = leanings(row[None], [([1], [2])])
    assert found.yes == pytest.approx(1 / (1 + math.exp(-1)))
    assert found.heard == 0.0


def test_a_scripted_model_says_what_its_script_says():
    case = ["Question: rome"]
    facts = board({f"rome\n{CAN_ANSWER.cue}": Reply("Yes", 0.9)})
    (found,) = lean(facts, [CAN_ANSWER], [case])
    # "Y" has 0.9; "y", "N" and "n" have a 257th of the rest each; a space begins either reply.
    other = 0.1 / REST
    assert found.value.yes == pytest.approx((0.9 + other) / (0.9 + 3 * other))
    assert found.value.heard == pytest.approx(0.9 + 3 * other)


def test_a_bracket_that_begins_both_letters_counts_for_neither():
    facts = board({f"rome\n{TRUE_FALSE.cue}": Reply("(A", 0.9)})
    (found,) = lean(facts, [TRUE_FALSE], [["Question: rome"]])
    assert found.value.yes == pytest.approx(0.5)
    assert found.value.heard == pytest.approx(2 * 0.1 / REST)


def test_each_case_costs_its_prompt_and_one_row():
    facts = board({})
    short, long = lean(facts, [CAN_ANSWER] * 2, [["Question: a"], ["Question: abcd"]])
    assert long.cost.prefill_tokens - short.cost.prefill_tokens == 3
    assert short.cost.forward_rows == 1
    assert lean(facts, [], []) == []


def test_replies_that_begin_alike_are_an_error_that_names_them():
    alike = Inquiry(name="x", instruction="", cue="?", examples=(), yes=("ab",), no=("ac",))
    with pytest.raises(ModelError, match="begins 'ab' and 'ac' with the same tokens"):
        lean(board({}), [alike], [["case"]])


@pytest.mark.parametrize("signal", ALL, ids=lambda one: one.name)
def test_asking_the_model_about_itself_is_dear_and_reads_logits_alone(signal):
    assert is_dear(signal)
    assert requirements([signal]).abilities == {"logits"}
    assert not requirements([signal]).partners


@pytest.mark.parametrize("signal", ALL, ids=lambda one: one.name)
def test_what_is_asked_alone_is_what_is_asked_in_company(signal):
    texts = ["rome", "oslo", "a much longer question than the others", "known?"]
    together = board({}, *texts).read(signal, range(4))
    assert together == [board({}, text).read(signal, [0])[0] for text in texts]
    assert all(0 <= one.yes <= 1 and 0 <= one.heard <= 1 for one in together)


def test_p_true_is_asked_about_the_closed_book_answer():
    script = {
        "Possible answer: old\nIs": Reply("A", 0.9),
        "Possible answer: cold\nIs": Reply("B", 0.9),
        "Question: rome\n": Reply("old", 0.9),
        "Question: oslo\n": Reply("cold", 0.9),
    }
    rome, oslo = board(script, "rome", "oslo").read(TrueOrFalse(), [0, 1])
    assert rome.yes == pytest.approx(0.9 / (0.9 + 0.1 / REST))
    assert oslo.yes == pytest.approx(1 - rome.yes)


def test_p_true_costs_the_answer_and_one_prompt():
    facts = board({}, "rome")
    facts.read(ClosedBookAnswer(), [0])
    before = facts.cost(0)
    facts.read(TrueOrFalse(), [0])
    spent = facts.cost(0)
    assert spent.decode_steps == before.decode_steps
    assert spent.prefill_tokens > 100
    assert spent.forward_rows == before.forward_rows + 1


def test_brainstormed_ideas_are_the_models_own_samples_and_their_cost_counts():
    script = {"Ideas: old; old; old\n": Reply("A", 0.9), "Question: rome\n": Reply("old", 0.9999)}
    facts = board(script, "rome")
    samples = SampledAnswers(3)
    found = facts.read(TrueAmongIdeas(samples), [0])[0]
    assert found.yes == pytest.approx(0.9 / (0.9 + 0.1 / REST))
    steps = sum(answer.forward_rows for answer in facts.read(samples, [0])[0])
    answer = facts.read(ClosedBookAnswer(), [0])[0]
    assert facts.cost(0).decode_steps == steps + answer.forward_rows
    assert facts.cost(0) == Cost(
        prefill_tokens=facts.cost(0).prefill_tokens,
        decode_steps=steps + answer.forward_rows,
        forward_rows=1 + steps + answer.forward_rows + 1,
    )


def test_the_answer_is_judged_after_and_the_question_before():
    script = {
        "Answer: old\nIs the answer correct?": Reply("Yes", 0.9),
        f"Question: rome\n{CAN_ANSWER.cue}": Reply("No", 0.9),
        "Question: rome\nAnswer:": Reply("old", 0.9),
    }
    facts = board(script, "rome")
    assert facts.read(AskedAfter(), [0])[0].yes > 0.9
    assert facts.read(AskedBefore(), [0])[0].yes < 0.1


def test_a_question_that_is_an_example_is_asked_about_without_it():
    signal = AskedByExample(("rome",), ("oslo",))
    told = "Question: rome\nDo you need"
    model = ScriptedModel(lambda prompt: Reply("Yes" if prompt.count(told) == 1 else "No", 0.9))
    facts = Board(model, PromptStyle(), [question("rome"), question("bergen")])
    # Asked about itself, "rome" stands in the prompt once; asked about another, as an example.
    assert [one.yes > 0.5 for one in facts.read(signal, [0, 1])] == [True, True]
