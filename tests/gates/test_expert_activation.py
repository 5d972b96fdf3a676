"""Contrastive expert activation, on numbers written down and on tiny mixtures of experts."""

from __future__ import annotations

import string
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from insides import saved
from little_house import scripted_expert
from stand_ins import lesson
from tiny import tiny_model

from rag_router.assembly import load_gate
from rag_router.calibration import auroc
from rag_router.errors import DataError, SettingsError
from rag_router.eval.fitting import out_of_fold
from rag_router.gates import assess
from rag_router.gates.expert_activation import (
    ExpertActivationGate,
    activation_contrast,
    core_experts,
)
from rag_router.gates.learned import scores_apart
from rag_router.models.prompts import PromptStyle
from rag_router.models.scripted import Reply, ScriptedModel
from rag_router.settings import Component
from rag_router.signals import Board, Cost
from rag_router.signals.router_activations import RouterActivations
from rag_router.types import Question

LAYERS, EXPERTS, CHOSEN = 3, 5, 2


def random_choices(n, seed):
    """Two of five experts in each of three layers, shape (n, 15)."""
    draw = np.random.default_rng(seed)
    order = draw.random((n, LAYERS, EXPERTS)).argsort(axis=-1)
    return (order < CHOSEN).astype(float).reshape(n, -1)


def test_the_contrast_by_hand():
    chosen = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0.0]])
    right = np.array([True, True, False, False])
    # Chosen where right: 2/2, 1/2, 1/2; where wrong: 0/2, 2/2, 1/2.
    assert activation_contrast(chosen, right).tolist() == [1.0, -0.5, 0.0]


@given(st.integers(0, 10_000))
def test_contrasts_lie_within_1_and_add_up_to_0_in_each_layer(seed):
    draw = np.random.default_rng(seed)
    right = draw.random(40) < draw.uniform(0.1, 0.9)
    right[:2] = True, False
    contrast = activation_contrast(random_choices(40, seed), right)
    assert np.abs(contrast).max() <= 1
    assert contrast.reshape(LAYERS, EXPERTS).sum(axis=1) == pytest.approx(np.zeros(LAYERS))


def test_shuffled_labels_leave_sampling_noise():
    # A frequency of 2/5 over 500 of each class: standard deviation sqrt(2 * 0.24 / 500) = 0.031.
    right = np.arange(1000) % 2 == 0
    contrast = activation_contrast(random_choices(1000, 0), right)
    assert contrast.std() == pytest.approx(0.031, abs=0.015)
    assert np.abs(contrast).max() < 5 * 0.031


def test_the_core_experts_are_those_of_largest_contrast_of_either_sign():
    contrast = np.array([0.4, -0.1, 0.3, -0.5, 0.1, -0.2])
    assert core_experts(contrast, 1).tolist() == [0.4, 0, 0, -0.5, 0, 0]
    assert core_experts(contrast, 2).tolist() == [0.4, 0, 0.3, -0.5, 0, -0.2]
    assert core_experts(contrast, 32).tolist() == contrast.tolist()
    assert core_experts(np.array([0.2, 0.1, 0.0]), 2).tolist() == [0.2, 0.1, 0.0]


def told(n=200, seed=0, slips=0.2):
    """Expert 1 of layer 2 mostly reads the known questions, expert 4 the others."""
    draw = np.random.default_rng(seed)
    chosen = random_choices(n, seed).reshape(n, LAYERS, EXPERTS)
    right = np.arange(n) % 2 == 0
    knows = right ^ (draw.random(n) < slips)
    chosen[:, 2] = np.where(knows[:, None], [0, 1, 1, 0, 0], [0, 0, 1, 0, 1])
    return lesson(chosen.reshape(n, -1), right)


def test_planted_experts_are_found_and_weighed():
    gate = ExpertActivationGate(core=1).fit(told())
    contrast = gate.arrays["contrast"].reshape(LAYERS, EXPERTS)
    assert np.unravel_index(contrast.argmax(), contrast.shape) == (2, 1)
    assert np.unravel_index(contrast.argmin(), contrast.shape) == (2, 4)
    # Right of 80 % of the known questions and of 20 % of the others.
    assert contrast[2, 1] == pytest.approx(0.6, abs=0.12)
    known, unknown = gate.score(told().features[:2])
    assert (known, unknown) == (contrast[2, 1], contrast[2, 4])


def test_questions_are_judged_by_the_experts_that_read_them():
    # 80 % of the pairs of like label are parted rightly: AUROC = 0.8 * 0.8 + 2 * 0.8 * 0.2 / 2.
    assert auroc(out_of_fold(ExpertActivationGate(core=1), told()), told().right) == (
        pytest.approx(0.8, abs=0.07)
    )


def test_noise_is_not_learned():
    right = np.arange(240) % 2 == 0
    noise = lesson(random_choices(240, 3), right)
    assert auroc(scores_apart(ExpertActivationGate(), noise), right) == (
        pytest.approx(0.5, abs=0.12)
    )


def test_a_verdict_counts_the_core_experts_of_either_sign():
    script = {"one": Reply("a", sureness=1.0), "two": Reply("b", sureness=2.0)}
    model = ScriptedModel(script, experts=3)
    board = Board(model, PromptStyle(shots=0), [Question(id=t, text=t) for t in ("one", "two")])
    bare = ExpertActivationGate()
    features = bare.features(board.questions, board.signals([0, 1], bare.needs))
    assert features.tolist() == [[0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 1]]
    right = np.arange(60) % 2 == 0
    gate = bare.fit(lesson(np.tile(features, (30, 1)), right))
    known, unknown = assess(gate, board)
    # Both layers' expert 1 reads what is known, contrast 1 - 0 each.
    assert known.signals == {"score": 2.0, "known_experts": 2.0, "unknown_experts": 0.0}
    assert unknown.signals == {"score": -2.0, "known_experts": 0.0, "unknown_experts": 2.0}
    assert (known.retrieve, unknown.retrieve) == (False, True)
    assert board.cost(0) == Cost(forward_rows=1)
    assert (assess(bare, board)[0].p_know, assess(bare, board)[0].signals) == (0.5, {})


@pytest.mark.parametrize("kind", ["mixtral", "olmoe"])
def test_a_signal_planted_in_the_routers_of_a_real_model_is_found(kind):
    """What is right is what one of the model's experts reads."""
    draw = np.random.default_rng(0)
    texts = ["".join(draw.choice(list(string.ascii_letters), 4)) for _ in range(100)]
    model = tiny_model(kind)
    board = Board(
        model,
        PromptStyle(shots=0),
        [Question(id=str(n), text=text) for n, text in enumerate(texts)],
        batch_size=50,
    )
    gate = ExpertActivationGate()
    rows = range(len(texts))
    features = gate.features(board.questions, board.signals(rows, gate.needs))
    shape = board.read(RouterActivations(), [0])[0].shape
    assert features.shape == (100, shape[0] * shape[1])
    # The expert that is nearest to being chosen half of the time.
    expert = int(np.abs(features.mean(axis=0) - 0.5).argmin())
    right = features[:, expert] == 1
    lesson_ = lesson(features, right)
    contrast = activation_contrast(features, right)
    assert (contrast.argmax(), contrast.max()) == (expert, 1.0)
    assert contrast.reshape(shape).sum(axis=1) == pytest.approx(np.zeros(shape[0]), abs=1e-9)
    assert auroc(out_of_fold(ExpertActivationGate(core=1), lesson_), right) > 0.95


def test_a_model_without_routers_is_told_which_gates_would_do():
    with pytest.raises(SettingsError) as caught:
        load_gate(Component(name="expert_activation"), scripted_expert({}))
    assert caught.value.message == (
        "the gate 'expert_activation' reads router_activations, which scripted does not show."
    )
    would_do = caught.value.hint.removeprefix("Gates that would do: ").rstrip(".").split(", ")
    assert {"p_ik", "thrust", "representation", "confidence"} <= set(would_do)
    assert "expert_activation" not in would_do


def test_what_was_learned_survives_the_disk(tmp_path):
    gate = ExpertActivationGate(core=2).fit(told())
    again = ExpertActivationGate().with_artefact(saved(gate, tmp_path / "gate", threshold=0.4))
    assert again == replace(gate, threshold=0.4)
    assert gate == ExpertActivationGate(core=2).fit(told())
    assert again.probabilities(told().features).tolist() == (
        gate.probabilities(told().features).tolist()
    )


def test_broken_lessons_are_errors():
    with pytest.raises(DataError, match="both classes"):
        ExpertActivationGate().fit(replace(told(), right=np.ones(200, dtype=bool)))
    broken = told().features.copy()
    broken[7, 1] = np.nan
    with pytest.raises(DataError, match="rows 7"):
        ExpertActivationGate().fit(replace(told(), features=broken))
