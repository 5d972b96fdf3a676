"""Rep-PCA and Rep-Con: two directions, and a map, that part known from unknown."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from insides import board_of, planted, planted_lesson, saved

from rag_router.calibration import auroc
from rag_router.errors import DataError
from rag_router.eval.fitting import out_of_fold
from rag_router.gates import assess
from rag_router.gates.learned import scores_apart
from rag_router.gates.representation import (
    RepresentationGate,
)
from rag_router.gates.representation_contrastive import (
    RepresentationContrastiveGate,
)
from rag_router.learning.contrast import contrastive_loss
from rag_router.learning.directions import alternating_differences, principal_axes

FORMS = {
    "representation": RepresentationGate(),
    "representation_contrastive": RepresentationContrastiveGate(),
}
every_form = pytest.mark.parametrize("name", FORMS)


# --- Rep-PCA ----------------------------------------------------------------------------------


def test_differences_alternate_their_signs():
    # All known ones are (5, 0), all unknown ones (2, 1): v+ - v- = (3, -1), first sign (-1)^1.
    known, unknown = np.full((3, 2), [5.0, 0.0]), np.full((4, 2), [2.0, 1.0])
    found = alternating_differences(known, unknown, seed=0)
    assert found.tolist() == [[-3, 1], [3, -1], [-3, 1]]


def test_there_are_as_many_differences_as_the_rarer_class_has_questions():
    known, unknown = planted(10, 3)[0], planted(4, 3)[0]
    assert alternating_differences(known, unknown, seed=0).shape == (4, 3)
    assert alternating_differences(unknown, known, seed=0).shape == (4, 3)


def test_every_question_of_the_rarer_class_is_paired_once_and_the_seed_says_with_whom():
    known = np.arange(4.0)[:, None]  # 0 to 3 against all zeros: the differences are the known ones
    found = [alternating_differences(known, np.zeros((9, 1)), seed=seed) for seed in (0, 0, 1)]
    assert sorted(np.abs(found[0])[:, 0].tolist()) == [0, 1, 2, 3]
    assert found[0].tolist() == found[1].tolist() != found[2].tolist()


def test_axes_are_orthonormal_and_the_first_is_the_longest_way():
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(400, 3)) * [1.0, 9.0, 3.0] + 7
    axes = principal_axes(rows, 2)
    assert axes @ axes.T == pytest.approx(np.eye(2), abs=1e-9)
    assert np.abs(axes).argmax(axis=1).tolist() == [1, 2]


def test_one_difference_has_axes_too():
    axes = principal_axes(np.array([[1.0, 2.0, 3.0]]), 2)
    assert axes @ axes.T == pytest.approx(np.eye(2), abs=1e-9)


def test_alternating_signs_find_what_differs_where_the_mean_would_hide_it():
    # The classes differ by 8 along the first axis; along the second, states vary by 3.
    states, right = planted(400, 5, strength=8.0)
    states[:, 1] *= 3
    first = principal_axes(alternating_differences(states[right], states[~right], 0), 2)[0]
    assert abs(first[0]) > 0.95
    plain = principal_axes(states[right] - states[~right], 2)[0]
    assert abs(plain[0]) < 0.3


def test_both_axes_lead_to_known_questions():
    told = planted_lesson(200, 6, strength=6.0)
    gate = RepresentationGate().fit(told)
    columns = gate.figures(told.features)
    assert list(columns) == ["axis_1", "axis_2"]
    for column in columns.values():
        assert column[told.right].mean() >= column[~told.right].mean()


def test_the_score_is_a_logistic_regression_on_two_coordinates():
    told = planted_lesson(200, 6)
    gate = RepresentationGate().fit(told)
    one, two, bias = gate.arrays["line"]
    first, second = gate.figures(told.features).values()
    assert gate.score(told.features) == pytest.approx(one * first + two * second + bias)
    assert gate.arrays["axes"].shape == (2, 6)


# --- Rep-Con ----------------------------------------------------------------------------------


def test_the_contrastive_loss_by_hand():
    one, two = torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 2.0], [1.0, 0.0]])
    other = torch.tensor([[0.5, 0.0], [3.0, 0.0]])
    # Row 1: 4 / 2 + (1 - 0.25); row 2: 0 / 2 + max(0, 1 - 4).
    assert contrastive_loss(one, two, other, 1.0).item() == pytest.approx((2.75 + 0.0) / 2)


def test_the_score_is_the_mean_cosine_to_the_known_ones():
    told = planted_lesson(80, 5)
    gate = RepresentationContrastiveGate().fit(told)
    known = told.features[told.right]
    first, bias, second, shift = (
        gate.arrays[name].astype(float) for name in ("first", "first_bias", "second", "second_bias")
    )

    def mapped(states):
        return np.tanh(states @ first + bias) @ second + shift

    def cosine(left, right):
        return left @ right / (np.linalg.norm(left) * np.linalg.norm(right))

    by_hand = [
        np.mean([cosine(mapped(question), mapped(other)) for other in known])
        for question in told.features[:5]
    ]
    cosines = gate.figures(told.features)["cosine"]
    assert cosines[:5] == pytest.approx(by_hand, abs=1e-4)
    assert np.abs(cosines).max() <= 1
    assert gate.score(told.features) == pytest.approx(np.arctanh(cosines), abs=1e-3)


def test_known_questions_lie_together_in_the_map():
    told = planted_lesson(200, 5, strength=6.0)
    cosine = RepresentationContrastiveGate().fit(told).figures(told.features)["cosine"]
    assert cosine[told.right].mean() > cosine[~told.right].mean() + 0.5


# --- both -------------------------------------------------------------------------------------


@every_form
def test_a_planted_direction_is_found(name):
    # Phi(4 / sqrt 2) = 0.998 for a difference of 4 standard deviations.
    told = planted_lesson(200, 10, strength=4.0)
    assert auroc(out_of_fold(FORMS[name], told), told.right) > 0.95
    assert math.erf(2) > 0.99


@every_form
def test_noise_is_not_learned(name):
    told = planted_lesson(240, 8, strength=0.0)
    assert auroc(scores_apart(FORMS[name], told), told.right) == pytest.approx(0.5, abs=0.12)


@every_form
def test_what_was_learned_survives_the_disk_and_is_learned_again_alike(name, tmp_path):
    told = planted_lesson(100, 6)
    bare = replace(FORMS[name], layer=2)
    gate = bare.fit(told)
    assert gate == bare.fit(told)
    again = FORMS[name].with_artefact(saved(gate, tmp_path / "gate", threshold=0.4))
    assert again == replace(gate, threshold=0.4)
    assert again.probabilities(told.features).tolist() == (
        gate.probabilities(told.features).tolist()
    )


@every_form
def test_a_verdict_shows_its_figures_once_there_are_any(name):
    states = {"a": np.zeros((4, 6))}
    bare = assess(FORMS[name], board_of(states))[0]
    assert (bare.p_know, bare.signals) == (0.5, {})
    told = assess(FORMS[name].fit(planted_lesson(100, 6)), board_of(states))[0]
    assert told.signals
    assert 0 < told.p_know < 1


@every_form
def test_broken_lessons_are_errors(name):
    told = planted_lesson(60, 4)
    with pytest.raises(DataError, match="both classes"):
        FORMS[name].fit(replace(told, right=np.zeros(60, dtype=bool)))
    broken = told.features.copy()
    broken[11] = np.inf
    with pytest.raises(DataError, match="rows 11"):
        FORMS[name].fit(replace(told, features=broken))


@every_form
def test_two_known_questions_are_enough_to_run(name):
    told = replace(planted_lesson(60, 4), right=np.arange(60) < 2)
    assert np.isfinite(FORMS[name].fit(told).probabilities(told.features)).all()
