from __future__ import annotations

import numpy as np
import pytest
from stand_ins import Known, lesson, question

from rag_router.artefacts import Artefact, Card
from rag_router.gates import assess
from rag_router.gates.knowledge_status import KnowledgeStatusGate, judged_status, modes_held
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals import Board
from rag_router.signals.meanings import Meanings, SharedWords, group_by_meaning

MODEL = ScriptedModel({"sure": Reply("yes", 0.9999), "mute": Reply("")}, otherwise=Reply("no", 0.4))


def drawn(**counts):
    texts = tuple(name for name, n in counts.items() for _ in range(n))
    texts = tuple("" if text == "silent" else text for text in texts)
    return Meanings(texts, group_by_meaning("?", texts, SharedWords()), (0.5,) * len(texts))


def verdict_of(gate=None, **counts):
    gate = gate or KnowledgeStatusGate()
    return gate.assess([question("?")], Known({gate.needs[0]: [drawn(**counts)]}))[0]


@pytest.mark.parametrize(
    ("counts", "status", "p_know"),
    [
        ({"Rome": 34, "Oslo": 33, "Bern": 33}, "absent", 0.0),
        ({"Rome": 96, "Oslo": 2, "Bern": 2}, "consistent", 0.96),
        ({"Rome": 48, "Oslo": 48, "Bern": 4}, "conflicting", 0.48 / 2),
        ({"Rome": 40, "silent": 60}, "absent", 0.0),
        ({"Rome": 90, "silent": 10}, "consistent", 0.9),
    ],
)
def test_the_status_and_the_bare_p_know_of_a_hundred_samples(counts, status, p_know):
    verdict = verdict_of(**counts)
    assert verdict.status == status
    assert verdict.p_know == pytest.approx(p_know)
    assert verdict.reason.startswith(f"knowledge is {status}; p_know ")
    assert verdict.retrieve == (status != "consistent")


def test_answers_of_equal_meaning_are_counted_together():
    held = modes_held(drawn(**{"Rome": 50, "in Rome": 46, "Oslo": 2, "Bern": 2}))
    assert held == (0,)


def test_refusals_are_no_answer_to_hold_to():
    assert modes_held(drawn(silent=20)) == ()
    assert modes_held(drawn(unknown=12, Rome=8)) == (20 - 8,)


@pytest.mark.parametrize(
    ("counts", "gold", "status"),
    [
        ({"Rome": 96, "Oslo": 2, "Bern": 2}, "Rome", "consistent_correct"),
        ({"Rome": 96, "Oslo": 2, "Bern": 2}, "Oslo", "consistent_wrong"),
        ({"Rome": 48, "Oslo": 48, "Bern": 4}, "Oslo", "conflicting_correct"),
        ({"Rome": 48, "Oslo": 48, "Bern": 4}, "Bern", "conflicting_wrong"),
        ({"Rome": 34, "Oslo": 33, "Bern": 33}, "Rome", "absent"),
    ],
)
def test_with_the_gold_answer_there_are_five_statuses(counts, gold, status):
    samples = drawn(**counts)
    assert judged_status(samples, modes_held(samples), [gold]) == status


def test_the_released_statistic_is_a_named_variant():
    corrected = verdict_of(Rome=46, Oslo=31, Bern=23)
    released = verdict_of(KnowledgeStatusGate(pruning="released"), Rome=46, Oslo=31, Bern=23)
    assert (corrected.signals["modes"], released.signals["modes"]) == (3, 2)


def test_a_models_samples_are_drawn_and_tested():
    board = Board(MODEL, PromptStyle(shots=0), [question(t) for t in ("sure", "what", "mute")])
    sure, unsure, mute = assess(KnowledgeStatusGate(temperature=1.0), board)
    assert (sure.status, mute.status) == ("consistent", "absent")
    assert unsure.status in ("absent", "conflicting")
    assert (sure.retrieve, unsure.retrieve, mute.retrieve) == (False, True, True)


def test_a_fitted_gate_learns_what_each_status_is_worth_and_survives_its_artefact():
    random = np.random.default_rng(0)
    modes = random.integers(0, 3, 600)
    share = np.where(modes == 0, 0, np.where(modes == 1, 0.9, 0.5))
    right = random.random(600) < np.array([0.05, 0.8, 0.3])[modes]
    gate = KnowledgeStatusGate(level=0.1).fit(lesson(np.column_stack([modes, share]), right))
    p = gate.probabilities(np.array([[0, 0], [1, 0.9], [2, 0.5]]))
    assert p.tolist() == pytest.approx([0.05, 0.8, 0.3], abs=0.07)
    card = Card(method="gate/x", model="m", model_fingerprint="f", notes=gate.options)
    assert KnowledgeStatusGate().with_artefact(Artefact(card=card, weights=gate.learned)) == gate
