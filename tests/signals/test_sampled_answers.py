"""Answers drawn at random, and which of them mean the same."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import question, said

from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board, ClosedBookAnswer, ClosedBookPass, Cost, Reading, is_dear
from rag_router.signals.meanings import Meanings, SampledMeanings, SharedWords, group_by_meaning
from rag_router.signals.sampled_answers import SampledAnswers

MODEL = ScriptedModel(
    {"Question: rome\n": Reply("old", 0.999), "mute": Reply("")}, otherwise=Reply("no", 0.5)
)
SAME = SharedWords()
TEXTS = st.lists(st.sampled_from(["Oslo", "oslo!", "Rome", "", "I don't know", "old Rome"]))


def board(*texts, **more):
    return Board(MODEL, PromptStyle(shots=0), [question(text) for text in texts], **more)


def texts_of(answers):
    return [answer.text for answer in answers]


def test_what_the_model_is_sure_of_is_drawn_every_time():
    drawn = board("rome").read(SampledAnswers(5), [0])[0]
    assert texts_of(drawn).count("old") >= 4


def test_the_prompt_is_not_read_again_and_every_step_is_counted():
    facts = board("rome", "what")
    drawn = facts.read(SampledAnswers(4), [0, 1])
    for row in (0, 1):
        steps = sum(answer.forward_rows for answer in drawn[row])
        # One pass over the prompt, whoever draws from it.
        assert facts.cost(row) == Cost(decode_steps=steps, forward_rows=1 + steps)
    # "old" takes three bytes: the first comes from the pass, and a step after each finds the next.
    assert next(a.forward_rows for a in drawn[0] if a.text == "old") == 3


def test_samples_cost_more_than_the_greedy_answer_and_say_so():
    assert is_dear(SampledAnswers())
    assert is_dear(SampledMeanings())
    assert not is_dear(ClosedBookAnswer())


def test_draws_depend_on_seed_and_question_and_not_on_company():
    texts = ["what", "why", "a much longer question than the others"]
    together = board(*texts, batch_size=2).read(SampledAnswers(6), [0, 1, 2])
    alone = [board(text).read(SampledAnswers(6), [0])[0] for text in texts]
    assert [texts_of(a) for a in together] == [texts_of(a) for a in alone]
    assert texts_of(together[0]) != texts_of(together[1])
    other = board("what", seed=1).read(SampledAnswers(6), [0])[0]
    assert texts_of(other) != texts_of(together[0])


def test_fewer_samples_are_the_first_of_more():
    few, many = (board("what").read(SampledAnswers(n), [0])[0] for n in (3, 8))
    assert texts_of(few) == texts_of(many)[:3]


def test_samples_vary_where_the_model_is_unsure():
    drawn = board("what").read(SampledAnswers(20), [0])[0]
    assert 1 < len(set(texts_of(drawn))) <= 20


def test_a_low_temperature_draws_the_greedy_answer():
    facts = board("what")
    cold = facts.read(SampledAnswers(3, temperature=0.01), [0])[0]
    assert texts_of(cold) == [facts.read(ClosedBookAnswer(), [0])[0].text] * 3


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Shakespeare", "William Shakespeare.", True),
        ("Pierre Curie", "Curie, Pierre", True),
        ("John Kennedy", "John F. Kennedy", True),
        ("Oslo", "Bergen", False),
        ("Marie Curie", "Pierre Curie", False),
        ("The Beatles", "beatles", True),
        ("", "", False),
        ("", "Oslo", False),
        ("unknown", "Unknown.", False),
        ("Oslo\nsomething", "Oslo", True),
    ],
)
def test_answers_whose_words_are_among_each_others_mean_the_same(left, right, same):
    assert SAME("q", left, right) == same
    assert SAME("q", right, left) == same


def test_groups_are_numbered_as_they_appear():
    texts = ["Rome", "Oslo", "in Rome", "", "oslo", ""]
    assert group_by_meaning("q", texts, SAME) == (0, 1, 0, 2, 1, 3)


def test_a_text_is_compared_with_the_first_member_of_a_group():
    # "Paris Hilton" and "Paris Texas" both share all of their words with "Paris" alone.
    assert group_by_meaning("q", ["Paris", "Paris Hilton", "Paris Texas"], SAME) == (0, 0, 0)
    assert group_by_meaning("q", ["Paris Hilton", "Paris Texas", "Paris"], SAME) == (0, 1, 0)


@given(TEXTS)
def test_equal_words_share_a_group_and_refusals_stand_alone(texts):
    groups = group_by_meaning("q", texts, SAME)
    assert len(groups) == len(texts)
    assert set(groups) == set(range(len(set(groups))))
    for at, text in enumerate(texts):
        if text in ("", "I don't know"):
            assert groups.count(groups[at]) == 1
    assert len({groups[at] for at, text in enumerate(texts) if text in ("Oslo", "oslo!")}) <= 1


@dataclass(frozen=True)
class SameLength:
    """Answers of as many characters mean the same."""

    def __call__(self, question, left, right):
        return len(left) == len(right)


def test_what_counts_as_the_same_can_be_chosen():
    facts = board("what")
    samples = SampledAnswers(3)
    spoken = tuple(said(0.5, 0.5, text=text) for text in ("one", "two", "three"))
    facts.preset(samples, 0, Reading(spoken))
    meanings = facts.read(SampledMeanings(samples, SameLength()), [0])[0]
    assert meanings.groups == (0, 0, 1)
    assert meanings.probabilities == pytest.approx((0.5, 0.5, 0.5))
    assert facts.read(SampledMeanings(samples), [0])[0].groups == (0, 1, 2)


def test_the_largest_group_is_a_share_of_all_samples():
    drawn = Meanings(("x", "y", "x", ""), (0, 1, 0, 2), (1.0, 1.0, 1.0, 0.0))
    assert drawn.largest == 2 / 4
    assert drawn.refused == (False, False, False, True)
    assert Meanings(("", "unknown"), (0, 1), (0.0, 0.5)).largest == 0.0


def test_drawing_no_question_draws_nothing():
    assert SampledAnswers(3).compute(board(), []) == []
    assert SampledMeanings().compute(board(), []) == []


def test_samples_share_the_pass_with_everything_else():
    facts = board("rome")
    facts.read(ClosedBookPass(), [0])
    before = facts.cost(0).forward_rows
    drawn = facts.read(SampledAnswers(1), [0])[0]
    assert facts.cost(0).forward_rows == before + drawn[0].forward_rows


def test_log_probabilities_are_those_of_the_model_at_temperature_one():
    warm = board("what").read(SampledAnswers(30, temperature=2.0), [0])[0]
    firsts = {a.tokens[0].text: a.tokens[0].logprob for a in warm if a.tokens}
    # Half is "n", and 257 other tokens share the other half.
    for text, logprob in firsts.items():
        expected = 0.5 if text == "n" else 0.5 / 257
        assert logprob == pytest.approx(math.log(expected), abs=1e-4)
