from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from asking import reader
from stand_ins import WORDS, judged
from test_entailment import LABELS, labelled

from rag_router.filters.entailment import EntailmentFilter, EntailmentThreeWayFilter
from rag_router.filters.equipment import equipped, lacking
from rag_router.models.entailment import Entailment
from rag_router.models.scripted import Reply, ScriptedModel


@dataclass(frozen=True)
class Written:
    """Says the same of every pair, and notes what it was asked."""

    says: Entailment
    asked: list = field(default_factory=list, compare=False)
    name: str = "written"

    def judge(self, pairs):
        self.asked.extend(pairs)
        return [self.says] * len(pairs)


def script(prompt):
    case = prompt.rsplit("\n\n", 1)[-1]
    if "mute" in case and "[1]" in case:
        return Reply("")
    return Reply(" here" if "[1]" in case and "same" not in case else " there", 0.9)


MODEL = ScriptedModel(script)


def run(filter_, question, *texts):
    return filter_.judge([question], [judged(*texts)], reader(MODEL, [question]))[0]


def test_the_published_code_leaves_neutral_out():
    # e^1 / (e^1 + e^0) = 0.73 of two, and e^1 / (e^1 + e^0 + e^2) = 0.24 of three.
    says = Entailment(entails=1.0, contradicts=0.0, neutral=2.0)
    two = run(EntailmentFilter(judge_model=Written(says)), "where", "It is here.")[0]
    three = run(EntailmentThreeWayFilter(judge_model=Written(says)), "where", "It is here.")[0]
    assert two.kept
    assert two.support == pytest.approx(1 / (1 + math.exp(-1)), abs=1e-4)
    assert not three.kept
    assert three.support == pytest.approx(1 / (1 + math.exp(-1) + math.exp(1)), abs=1e-4)
    assert two.why.startswith("the passages imply the answer: 0.73, threshold 0.50; ")
    assert three.why.startswith("the passages do not imply the answer: 0.24, threshold 0.50; ")


@pytest.mark.parametrize("entails", [-3.0, 0.0, 4.0])
@pytest.mark.parametrize("neutral", [-2.0, 3.0, None])
def test_two_ways_are_never_stricter_than_three(entails, neutral):
    found = Entailment(entails, 0.5, neutral)
    assert EntailmentFilter().probability(found) >= EntailmentThreeWayFilter().probability(found)


def test_question_and_answer_are_the_hypothesis_and_all_kept_passages_the_premise():
    model = Written(Entailment(2.0, 0.0))
    out = run(EntailmentFilter(judge_model=model), "where is it", "It is here.", "It is far.")
    assert model.asked == [("It is here.\nIt is far.", "where is it here")]
    assert [one.kept for one in out] == [True, True]
    assert out[0].support == out[1].support


def test_what_is_not_implied_drops_all_passages_so_that_memory_answers():
    out = run(EntailmentFilter(judge_model=Written(Entailment(-1.0, 1.0))), "where", "a", "b")
    assert [one.kept for one in out] == [False, False]


def test_the_threshold_itself_is_enough():
    assert run(EntailmentFilter(judge_model=Written(Entailment(1.0, 1.0))), "where", "a")[0].kept


def test_where_both_answers_are_the_same_nobody_is_asked():
    model = Written(Entailment(-9.0, 9.0))
    one = run(EntailmentFilter(judge_model=model), "where", "It is the same.")[0]
    assert model.asked == []
    assert (one.kept, one.support) == (True, None)
    assert one.why == "kept: there is no answer of the passages' own to check"


def test_an_answer_that_says_nothing_is_implied_by_nothing():
    model = Written(Entailment(9.0, -9.0))
    assert not run(EntailmentFilter(judge_model=model), "where", "mute")[0].kept
    assert model.asked == []


def test_both_answers_are_charged():
    context = reader(MODEL, ["where"])
    EntailmentFilter(judge_model=Written(Entailment(1.0, 0.0))).judge(
        ["where"], [judged("It is here.")], context
    )
    spent = context.board.cost(0)
    # The closed-book pass and the prompt with passages are one row each.
    assert spent.forward_rows - spent.decode_steps == 2


def test_without_its_model_it_keeps_everything_and_says_so():
    one = EntailmentFilter().judge(["q"], [judged("a")], WORDS)[0][0]
    assert (one.kept, one.why) == (True, "kept: the entailment model is not there")
    assert lacking(EntailmentFilter()) == (
        "answers are not checked, the entailment model is not there "
        "(rag-router models fetch hf:facebook/bart-large-mnli)",
    )


@pytest.mark.parametrize("kind", [EntailmentFilter, EntailmentThreeWayFilter])
def test_a_real_model_judges_alone_and_in_company_alike(kind, tmp_path):
    local = labelled(tmp_path, *LABELS)
    filter_ = equipped(kind(), lambda name: local)
    assert lacking(filter_) == ()
    assert filter_.model_fingerprint == local.fingerprint
    questions = ["rome on the river", "paris", "same"]
    lines = [judged("rome", "the tiber " * 90), judged("東京は首都。", "7 8 9"), []]
    together = filter_.judge(questions, lines, reader(MODEL, questions))
    for question, line, out in zip(questions, lines, together, strict=True):
        assert filter_.judge([question], [line], reader(MODEL, [question])) == [out]
