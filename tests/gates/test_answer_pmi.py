"""Pointwise mutual information of question and answer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from insides import saved
from stand_ins import Known, lesson, question, said

from rag_router.calibration import auroc
from rag_router.eval.fitting import out_of_fold
from rag_router.gates import assess
from rag_router.gates.answer_pmi import AnswerPMIGate
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board


def figures(*answers):
    """What the gate reads off pairs of token probabilities: with the question, and without."""
    generations = [said(*asked) for asked, _ in answers]
    priors = [tuple(math.log(p) for p in unasked) for _, unasked in answers]
    told = dict(zip(AnswerPMIGate().needs, (generations, priors), strict=True))
    return AnswerPMIGate().features([question("?")] * len(answers), Known(told))


def test_an_answer_is_described_with_the_question_and_without():
    found = figures(((0.5, 0.8), (0.1, 0.2)))[0]
    ln = np.log
    assert found.tolist() == pytest.approx(
        [
            *(ln(0.4), ln(0.5), ln(0.5), ln(0.4) / 2),
            *(ln(0.02), ln(0.1), ln(0.1), ln(0.02) / 2),
        ]
    )


def test_unfitted_it_is_the_share_of_the_probability_that_the_question_brings():
    # p(o | q) = 0.4 and p(o) = 0.02: 1 - 0.02 / 0.4 = 0.95; likelier without than with: 0.
    p = AnswerPMIGate().probabilities(figures(((0.5, 0.8), (0.1, 0.2)), ((0.1,), (0.4,))))
    assert p.tolist() == pytest.approx([0.95, 0.0])


def test_an_empty_answer_is_not_known():
    found = figures(((), ()))
    assert found[0].tolist() == [-30.0] * 8
    assert AnswerPMIGate().probabilities(found)[0] == 0.0


def test_an_impossible_token_counts_as_a_very_unlikely_one():
    assert figures(((1e-40,), (1.0,)))[0, :4].tolist() == [-30.0] * 4


def test_it_learns_how_much_the_prior_counts():
    draw = np.random.default_rng(4)
    features = draw.normal(size=(400, 8))
    # Only the difference of the two sums tells; its classes are 2 standard deviations apart in
    # each of two independent columns, so that AUROC = Phi(2 sqrt 2 / sqrt 2) = 0.977.
    right = np.arange(400) % 2 == 0
    features[:, 0] += np.where(right, 1.0, -1.0)
    features[:, 4] -= np.where(right, 1.0, -1.0)
    told = lesson(features, right)
    assert auroc(out_of_fold(AnswerPMIGate(), told), right) == pytest.approx(0.977, abs=0.02)
    fitted = AnswerPMIGate().fit(told)
    assert fitted.curve[0] > 1 > -1 > fitted.curve[4]


def test_what_was_learned_survives_the_disk(tmp_path):
    fitted = AnswerPMIGate(curve=tuple(map(float, range(9))), max_new_tokens=8)
    again = AnswerPMIGate().with_artefact(saved(fitted, tmp_path / "gate", threshold=0.3))
    assert again == replace(fitted, threshold=0.3)


def test_a_verdict_shows_both_and_a_guess_is_looked_up():
    # "Paris" is what this model says to anything; of Hamlet it knows something.
    script = {"Hamlet": Reply("Denmark", 0.9), "Othello": Reply("Paris", 0.5)}
    model = ScriptedModel(script, otherwise=Reply(" Paris", 0.6))
    asked = [question("Hamlet?", "a"), question("Othello?", "b")]
    known, guessed = assess(AnswerPMIGate(), Board(model, PromptStyle(shots=0), asked))
    assert (known.retrieve, guessed.retrieve) == (False, True)
    assert known.signals["sum_prior_nats"] < known.signals["sum_nats"]
    # " Paris" unasked: six bytes at 0.6.
    assert guessed.signals["sum_prior_nats"] == pytest.approx(6 * math.log(0.6), abs=1e-4)
