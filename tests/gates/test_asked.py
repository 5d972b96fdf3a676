"""Gates that ask the model about itself."""

from __future__ import annotations

import numpy as np
import pytest
from stand_ins import Known, lesson, question, said

from rag_router.artefacts import Artefact, Card
from rag_router.errors import ArtefactError, DataError, SettingsError
from rag_router.gates import GATES, assess
from rag_router.gates.p_true import PTrueGate
from rag_router.gates.self_judgement_after import SelfJudgementAfterGate
from rag_router.gates.self_judgement_before import SelfJudgementBeforeGate
from rag_router.gates.skr_in_context import SKRInContextGate
from rag_router.gates.skr_prompt import SKRPromptGate
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board, is_dear
from rag_router.signals.leaning import Leaning

ASKED = [
    "p_true",
    "self_judgement_after",
    "self_judgement_before",
    "skr_in_context",
    "skr_prompt",
]
AFTER = [PTrueGate, SelfJudgementAfterGate]
BEFORE = [(SelfJudgementBeforeGate, 0.7), (SKRPromptGate, 0.3), (SKRInContextGate, 0.3)]


def kept(gate, **notes):
    card = Card(method="gate/x", model="m", model_fingerprint="f", notes={**gate.options, **notes})
    return Artefact(card=card, weights=gate.learned)


def taught(gate):
    """The gate, fitted to leanings that tell right from wrong."""
    leaning = np.linspace(0.05, 0.95, 40)
    return gate.fit(lesson(np.column_stack([leaning, np.ones(40)]), leaning > 0.4))


@pytest.mark.parametrize("gate", AFTER)
def test_unfitted_p_know_is_the_leaning_to_the_answer(gate):
    built = gate()
    told = {built.needs[0]: [said(0.5, text="Oslo")], built.needs[1]: [Leaning(0.7, 0.9)]}
    assert built.features([question("?")], Known(told)).tolist() == [[0.7, 0.9]]
    assert built.probabilities(np.array([[0.7, 0.9]])).tolist() == [0.7]


@pytest.mark.parametrize("gate", AFTER)
@pytest.mark.parametrize("text", ["", "I don't know."])
def test_nothing_speaks_for_an_answer_that_says_nothing(gate, text):
    built = gate()
    told = {built.needs[0]: [said(0.5, text=text)], built.needs[1]: [Leaning(0.7, 0.9)]}
    assert built.features([question("?")], Known(told)).tolist() == [[0.0, 0.9]]


@pytest.mark.parametrize(("gate", "p_know"), BEFORE)
def test_to_need_more_speaks_against_knowing(gate, p_know):
    built = gate()
    told = {built.needs[0]: [Leaning(0.7, 0.9)]}
    found = built.features([question("?")], Known(told))
    assert found[0].tolist() == pytest.approx([p_know, 0.9])
    assert built.probabilities(found)[0] == pytest.approx(p_know)


@pytest.mark.parametrize("name", ASKED)
def test_what_it_asks_is_dear_and_the_answer_is_not(name):
    assert any(is_dear(signal) for signal in GATES.build(name).needs)


@pytest.mark.parametrize("name", ASKED)
def test_a_fitted_gate_survives_its_artefact_and_is_bound_to_its_wording(name):
    gate = taught(GATES.build(name))
    assert gate.probabilities(np.array([[0.9, 1.0], [0.1, 1.0]])).round().tolist() == [1, 0]
    assert GATES.build(name).with_artefact(kept(gate)) == gate
    for other in ("", "another"):
        with pytest.raises(ArtefactError, match=r"was fitted under the wording .*Fit it again"):
            GATES.build(name).with_artefact(kept(gate, inquiry=other))


def test_replies_of_any_sureness_bend_the_curve_no_further_than_one_in_a_thousand():
    scores = PTrueGate().scores(np.array([[0.0, 1.0], [1e-9, 1.0], [0.5, 1.0], [1.0, 1.0]]))
    assert scores[:, 0].tolist() == pytest.approx([-6.907, -6.907, 0.0, 6.907], abs=1e-3)


def test_p_true_reads_ideas_only_where_it_is_told_to():
    assert [signal.name for signal in PTrueGate().needs] == ["closed_book_answer", "true_or_false"]
    assert [signal.name for signal in PTrueGate(ideas=5).needs] == [
        "closed_book_answer",
        "true_among_ideas",
    ]
    with pytest.raises(ArtefactError):
        PTrueGate().with_artefact(kept(taught(PTrueGate(ideas=5)), inquiry=PTrueGate().inquiry))
    assert PTrueGate().with_artefact(kept(taught(PTrueGate(ideas=5)))).ideas == 5


def test_p_true_follows_what_the_model_says_of_its_answers():
    script = {
        "Possible answer: old\nIs": Reply("A", 0.9),
        "Possible answer: cold\nIs": Reply("B", 0.9),
        "Question: rome\n": Reply("old", 0.9),
        "Question: oslo\n": Reply("cold", 0.9),
    }
    board = Board(ScriptedModel(script), PromptStyle(), [question("rome"), question("oslo")])
    rome, oslo = assess(PTrueGate(), board)
    assert (rome.retrieve, oslo.retrieve) == (False, True)
    assert rome.signals["heard"] == pytest.approx(0.9, abs=0.01)


def test_the_model_is_shown_its_own_record():
    questions = ["q1", "q2", "q3", "q4", "long" * 100, "q5"]
    right = [True, False, False, True, True, False]
    gate = SKRInContextGate().acquainted(questions, right, of_each=2, seed=3)
    assert set(gate.known) == {"q1", "q4"}
    assert len(set(gate.unknown)) == 2
    assert set(gate.unknown) < {"q2", "q3", "q5"}
    assert gate == SKRInContextGate().acquainted(questions, right, of_each=2, seed=3)
    draws = {SKRInContextGate().acquainted(questions, right, seed=n).unknown for n in range(9)}
    assert len(draws) > 1


def test_its_record_is_kept_in_the_artefact_as_strings():
    gate = taught(SKRInContextGate().acquainted(["a?", "b?"], [True, False], of_each=1))
    assert gate.options["known"] == ("a?",)
    # Lists are what JSON makes of tuples.
    found = SKRInContextGate().with_artefact(kept(gate, known=["a?"], unknown=["b?"]))
    assert found == gate
    assert found.inquiry.fingerprint != SKRInContextGate().inquiry.fingerprint


def test_another_record_makes_what_was_fitted_before_worthless():
    gate = taught(SKRInContextGate())
    assert gate.fitted
    assert not gate.acquainted(["a?", "b?"], [True, False], of_each=1).fitted


def test_too_small_a_record_is_an_error_that_says_what_is_missing():
    with pytest.raises(DataError, match="2 questions that the model knows are wanted; saw 1"):
        SKRInContextGate().acquainted(["a", "b", "c"], [True, False, False])


def test_more_examples_than_a_prompt_holds_are_an_error():
    with pytest.raises(SettingsError, match="known"):
        GATES.build("skr_in_context", known=tuple("abcdefghi"))
