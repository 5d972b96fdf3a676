from __future__ import annotations

import math

import pytest
from asking import reader
from stand_ins import judged

from rag_router.filters.filco import FilcoFilter, FilcoLexicalFilter
from rag_router.models.scripted import Reply, ScriptedModel

GOOD, BAD, PLAIN = "Zanzibar is an island.", "Oslo is cold.", "It rains."


def script(prompt):
    """Surer of its answer with the good sentence, less sure with the bad one."""
    case = prompt.rsplit("\n\n", 1)[-1]
    sure = {(True, False): 0.8, (False, True): 0.1}.get((GOOD in case, BAD in case), 0.4)
    return Reply(" yes", sure)


MODEL = ScriptedModel(script)


def run(filter_, *texts, model=MODEL):
    return filter_.judge(["where"], [judged(*texts)], reader(model, ["where"]))[0]


def test_the_figure_is_by_how_much_a_sentence_makes_the_answer_likelier():
    filter_ = FilcoFilter()
    context = reader(MODEL, ["where"])
    figures = filter_.figures(["where"], [judged(f"{GOOD} {BAD} {PLAIN}")], context)[0][0]
    # The answer " yes" has four bytes: 4 ln(0.8 / 0.4), 4 ln(0.1 / 0.4), and a ratio of 1.
    assert figures == pytest.approx([4 * math.log(2), -4 * math.log(4), 0.0], abs=1e-3)


def test_sentences_that_make_the_answer_less_likely_go():
    one = run(FilcoFilter(), f"{GOOD} {BAD} {PLAIN}")[0]
    assert one.hit.passage.text == f"{GOOD} {PLAIN}"
    assert one.spans == ((0, 22), (37, 46))


def test_passages_without_a_sentence_that_helps_go():
    out = run(FilcoFilter(threshold=0.1), f"{PLAIN} {BAD}", f"{BAD} {GOOD}")
    assert [one.kept for one in out] == [False, True]
    assert out[1].hit.passage.text == GOOD


def test_where_no_sentence_helps_the_first_passage_is_read_whole():
    out = run(FilcoFilter(threshold=1.0), f"{PLAIN} {BAD}", BAD)
    assert [one.kept for one in out] == [True, False]
    assert out[0].hit.passage.text == f"{PLAIN} {BAD}"
    assert out[0].why.endswith("kept: no sentence of any passage does better")


def test_without_an_answer_there_is_nothing_to_judge_by():
    one = run(FilcoFilter(), GOOD, model=ScriptedModel({}, otherwise=Reply("unknown")))[0]
    assert (one.kept, one.support) == (True, None)
    assert one.why == "kept: the model gives no answer to judge it by"


def test_it_is_charged_for_its_answer_and_for_every_sentence():
    context = reader(MODEL, ["where"])
    FilcoFilter().judge(["where"], [judged(f"{GOOD} {BAD}")], context)
    spent = context.board.cost(0)
    # The passages, the question alone, and two sentences.
    assert spent.forward_rows - spent.decode_steps == 4


def test_lexical_overlap_counts_words_and_not_letters():
    figures = FilcoLexicalFilter().figures(
        ["abc"], [judged("cab. abc xyz. Abc!")], reader(MODEL, ["abc"])
    )[0][0]
    # No word of "cab" is one of "abc"; of "abc xyz" one in two is: F1 = 2 (1/2) 1 / (3/2) = 2/3.
    assert len(figures) in {2, 3}
    assert figures[-1] == 1.0
    assert FilcoLexicalFilter().figures(["abc"], [judged("cab")], reader(MODEL, ["abc"])) == [
        [[0.0]]
    ]
    two = FilcoLexicalFilter().figures(["abc"], [judged("abc xyz")], reader(MODEL, ["abc"]))
    assert two == [[[pytest.approx(2 / 3)]]]


def test_sentences_that_share_too_few_words_go():
    question = "zanzibar island"  # F1 with "Zanzibar is an island" is 2 x 2 / (2 + 3)
    context = reader(MODEL, [question])
    out = FilcoLexicalFilter().judge([question], [judged(f"{BAD} {GOOD}", PLAIN)], context)[0]
    assert out[0].hit.passage.text == GOOD
    assert [one.kept for one in out] == [True, False]
