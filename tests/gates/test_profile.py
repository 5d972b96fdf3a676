"""The profile of the closed-book answer."""

from dataclasses import replace

import numpy as np
import pytest
from stand_ins import Known, lesson, question, said

from rag_router.artefacts import Artefact, Card
from rag_router.gates import assess
from rag_router.gates.profile import ProfileGate
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.signals.base import Board
from rag_router.signals.first_token import FirstTokenFigures, first_token_figures
from rag_router.types import Question

MODEL = ScriptedModel({"Hamlet": Reply("Shakespeare", 0.9)}, otherwise=Reply("dunno", 0.2))


def answer(*probabilities, mass=0.0, entropy_nats=1.0):
    return said(*probabilities), FirstTokenFigures(entropy_nats, mass)


def figures(*answers):
    """What the gate reads off these answers."""
    told = zip(ProfileGate().needs, zip(*answers, strict=True), strict=True)
    return ProfileGate().features([question("?")] * len(answers), Known(dict(told)))


def test_an_answer_is_described_by_its_first_token_its_rest_and_its_whole():
    found = figures(answer(0.5, 0.8, 0.2, mass=0.7, entropy_nats=1.5))
    # mean = (0.5 * 0.8 * 0.2) ** (1/3) = 0.08 ** (1/3)
    assert found[0].tolist() == pytest.approx([0.5, 0.7, 0.2, 0.08 ** (1 / 3), 0.2, 1.5])


def test_a_mass_below_the_first_token_counts_as_the_first_token():
    assert figures(answer(0.5, mass=0.1))[0, 1] == pytest.approx(0.5)


def test_the_rest_of_an_answer_of_one_token_is_certain():
    assert figures(answer(0.5))[0, 2] == 1.0


def test_an_empty_answer_is_not_known():
    assert ProfileGate().probabilities(figures(answer()))[0] == 0.0


def test_unfitted_it_is_the_minimum_with_the_mass_in_place_of_the_first_token():
    features = figures(answer(0.2, 0.9, mass=0.6), answer(0.9, 0.3, mass=0.9))
    assert ProfileGate().probabilities(features).tolist() == pytest.approx([0.6, 0.3])


def test_the_mass_adds_up_every_way_to_begin_the_names_of_an_answer():
    # Bytes are tokens here: "W" begins William, "S" Shakespeare, " " either after a space.
    logits = np.full(MODEL.vocabulary_size, 1e-9)
    logits[ord("W")], logits[ord("S")], logits[ord(" ")], logits[ord("x")] = 0.2, 0.3, 0.1, 0.4
    import torch

    figures = first_token_figures(
        MODEL, torch.tensor(np.log(logits))[None].float(), ["William Shakespeare"]
    )
    assert figures[0].mass == pytest.approx(0.2 + 0.3 + 0.1, abs=1e-4)


def test_lower_case_words_inside_an_answer_begin_nothing():
    import torch

    p = np.full(MODEL.vocabulary_size, 1e-9)
    p[ord("B")], p[ord("o")] = 0.5, 0.5
    figures = first_token_figures(MODEL, torch.tensor(np.log(p))[None].float(), ["Bay of Pigs"])
    assert figures[0].mass == pytest.approx(0.5, abs=1e-4)


def test_a_fitted_gate_tells_right_from_wrong_and_survives_its_artefact():
    random = np.random.default_rng(0)
    labelled, right = [], []
    for _ in range(200):
        sure = bool(random.random() < 0.5)
        p = 0.8 if sure else 0.3
        labelled.append(answer(p, p, mass=p, entropy_nats=1 if sure else 4))
        right.append(sure)
    gate = ProfileGate().fit(lesson(figures(*labelled), right))
    p = gate.probabilities(figures(answer(0.8, 0.8, mass=0.8), answer(0.3, 0.3, mass=0.3)))
    assert p[0] > 0.9
    assert p[1] < 0.5
    card = Card(method="gate/profile", model="m", model_fingerprint="f", threshold=0.4)
    kept = Artefact(card=replace(card, notes=gate.options), weights=gate.learned)
    assert ProfileGate().with_artefact(kept) == replace(gate, threshold=0.4)
    assert ProfileGate(threshold=0.7).with_artefact(kept).threshold == 0.7


def test_it_costs_nothing_that_confidence_does_not():
    questions = [Question(id="1", text="Hamlet"), Question(id="2", text="else")]
    board = Board(MODEL, PromptStyle(), questions)
    verdicts = assess(ProfileGate(threshold=0.5), board)
    assert [v.retrieve for v in verdicts] == [False, True]
    # "Shakespeare" has 11 bytes: the first comes from the pass, ten more and the end take 11 steps.
    assert (board.cost(0).prefill_tokens, board.cost(0).decode_steps) == (0, 11)
