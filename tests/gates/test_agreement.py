from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from stand_ins import Known, lesson, question, said

from rag_router.artefacts import Artefact, Card
from rag_router.gates import assess
from rag_router.gates.agreement import AgreementGate
from rag_router.gates.sampled import share_logit
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board
from rag_router.signals.meanings import Meanings, SharedWords, group_by_meaning

MODEL = ScriptedModel({"sure": Reply("yes", 0.999), "mute": Reply("")}, otherwise=Reply("no", 0.5))


def drawn(*texts):
    groups = group_by_meaning("?", texts, SharedWords())
    return Meanings(texts, groups, (0.5,) * len(texts))


def figures(gate, greedy, *texts):
    told = dict(zip(gate.needs, ([said(0.5, text=greedy)], [drawn(*texts)]), strict=True))
    return gate.features([question("?")], Known(told))


def test_it_counts_samples_that_mean_what_the_greedy_answer_means_and_the_largest_group():
    # "Rome" twice, "Oslo" three times, of six.
    texts = ("Rome", "Oslo", "Oslo.", "in Rome", "oslo", "Bergen")
    assert figures(AgreementGate(), "Rome", *texts)[0].tolist() == [2 / 6, 3 / 6]


@pytest.mark.parametrize(("statistic", "expected"), [("greedy", 0.25), ("largest", 0.5)])
def test_unfitted_p_know_is_the_bare_share(statistic, expected):
    gate = AgreementGate(statistic=statistic, samples=4)
    found = figures(gate, "Rome", "Rome", "Oslo", "Oslo", "Bergen")
    assert gate.probabilities(found).tolist() == [expected]


@pytest.mark.parametrize("greedy", ["", "I don't know"])
def test_an_answer_that_says_nothing_agrees_with_none(greedy):
    assert figures(AgreementGate(), greedy, greedy, greedy, "Rome")[0].tolist() == [0.0, 1 / 3]
    assert figures(AgreementGate(), greedy, greedy, greedy)[0].tolist() == [0.0, 0.0]


def test_log_odds_of_none_and_all_are_finite():
    # Of 10: (0 + 0.5) / (10 + 0.5), (5 + 0.5) / (5 + 0.5), (10 + 0.5) / (0 + 0.5).
    expected = [math.log(0.5 / 10.5), 0.0, math.log(10.5 / 0.5)]
    assert share_logit(np.array([0.0, 0.5, 1.0]), 10).tolist() == pytest.approx(expected)


def test_a_model_that_is_sure_agrees_with_itself():
    board = Board(MODEL, PromptStyle(shots=0), [question(t) for t in ("sure", "what", "mute")])
    sure, unsure, mute = assess(AgreementGate(samples=20, temperature=1.0), board)
    assert sure.p_know > 0.9 > 0.5 > unsure.p_know
    assert mute.p_know == 0.0
    assert [v.retrieve for v in (sure, unsure, mute)] == [False, True, True]
    assert board.cost(1).decode_steps > 20


@dataclass(frozen=True)
class Anything:
    """All answers mean the same."""

    def __call__(self, question, left, right):
        return True


def test_what_counts_as_the_same_can_be_injected():
    gate = AgreementGate(same=Anything(), samples=3)
    board = Board(MODEL, PromptStyle(shots=0), [question("what")])
    assert assess(gate, board)[0].p_know == 1.0


def test_a_fitted_gate_survives_its_artefact():
    shares = np.array([[k / 10, k / 10] for k in range(11)] * 20)
    right = np.arange(len(shares)) % 11 > 5
    gate = AgreementGate(temperature=0.7).fit(lesson(shares, right))
    assert gate.probabilities(np.array([[0.9, 0.9], [0.1, 0.1]])).round().tolist() == [1, 0]
    card = Card(method="gate/agreement", model="m", model_fingerprint="f", notes=gate.options)
    assert AgreementGate().with_artefact(Artefact(card=card, weights=gate.learned)) == gate
