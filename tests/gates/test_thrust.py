"""Thrust by hand, its invariances, and what its three forms can tell."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from insides import board_of, planted_lesson, saved
from stand_ins import lesson

from rag_router.calibration import auroc
from rag_router.errors import DataError, UnavailableError
from rag_router.eval.fitting import out_of_fold
from rag_router.gates import assess
from rag_router.gates.learned import scores_apart
from rag_router.gates.thrust import ThrustGate, cluster_count, find_clusters, log_thrust, thrust
from rag_router.gates.thrust_contrast import ThrustContrastGate
from rag_router.gates.thrust_per_class import ThrustPerClassGate

SEEDS = st.integers(0, 10_000)
FORMS = {
    "thrust": ThrustGate(),
    "thrust_per_class": ThrustPerClassGate(),
    "thrust_contrast": ThrustContrastGate(),
}
every_form = pytest.mark.parametrize("name", FORMS)


def at(*coordinates):
    return np.array(coordinates, dtype=float)


def some(seed, questions=4, clusters=3, width=5):
    draw = np.random.default_rng(seed)
    return (
        draw.normal(size=(questions, width)),
        draw.normal(size=(clusters, width)) * 3,
        draw.integers(1, 40, clusters).astype(float),
    )


# --- the formula ------------------------------------------------------------------------------


def test_one_cluster_pulls_with_its_size_over_the_squared_distance():
    # 12 members, 3-4-5 triangle: 12 / 25.
    assert thrust(at([0, 0]), at([3, 4]), at(12)) == pytest.approx([12 / 25])


def test_two_clusters_by_hand():
    # From (0, 0): 8 members at (2, 0) pull 8/4 = 2 to the right, 9 at (0, 3) pull 9/9 = 1 upwards;
    # together sqrt(2^2 + 1^2), over K = 2 clusters.
    found = thrust(at([0, 0]), at([2, 0], [0, 3]), at(8, 9))
    assert found == pytest.approx([math.sqrt(5) / 2])


def test_between_two_like_clusters_there_is_no_thrust():
    # Halfway they cancel out; near to one of them that one wins.
    middle, side = thrust(at([0, 0], [1, 0]), at([2, 0], [-2, 0]), at(7, 7))
    assert middle == pytest.approx(0, abs=1e-12)
    # 7/1 to the right less 7/9 to the left, over 2.
    assert side == pytest.approx((7 - 7 / 9) / 2)


def test_a_question_at_a_centroid_is_not_pulled_there():
    assert thrust(at([3, 4]), at([3, 4]), at(12)).tolist() == [0.0]
    assert thrust(at([3, 4]), at([3, 4], [3, 6]), at(12, 8)) == pytest.approx([8 / 4 / 2])


@given(SEEDS)
def test_twice_the_members_pull_twice_as_hard(seed):
    states, centroids, sizes = some(seed)
    once, twice = thrust(states, centroids, sizes), thrust(states, centroids, 2 * sizes)
    assert twice == pytest.approx(2 * once)


@given(SEEDS)
def test_one_cluster_of_twice_the_members_adds_its_pull_once_more(seed):
    states, centroids, sizes = some(seed)
    doubled = sizes * at(2, 1, 1)
    again = thrust(states, centroids[[0, 0, 1, 2]], sizes[[0, 0, 1, 2]])
    assert 3 * thrust(states, centroids, doubled) == pytest.approx(4 * again)


@given(SEEDS)
def test_it_does_not_matter_where_the_origin_is_or_how_the_axes_are_turned(seed):
    states, centroids, sizes = some(seed)
    draw = np.random.default_rng(seed + 1)
    turn = np.linalg.qr(draw.normal(size=(5, 5)))[0]
    shift = draw.normal(size=5) * 10
    moved = thrust(states @ turn + shift, centroids @ turn + shift, sizes)
    assert moved == pytest.approx(thrust(states, centroids, sizes), rel=1e-6)


@given(SEEDS, st.floats(0.1, 10))
def test_a_space_stretched_by_a_has_thrust_over_a_squared(seed, a):
    states, centroids, sizes = some(seed)
    stretched = thrust(states * a, centroids * a, sizes)
    assert stretched == pytest.approx(thrust(states, centroids, sizes) / a**2, rel=1e-6)


def test_its_logarithm_is_finite_where_there_is_none():
    middle = log_thrust(at([0, 0]), at([2, 0], [-2, 0]), at(7, 7))
    assert np.isfinite(middle).all()
    assert middle[0] < -30
    assert log_thrust(at([0, 0]), at([3, 4]), at(12)) == pytest.approx([math.log(12 / 25)])


# --- the clusters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "count"), [(1, 3), (16, 3), (81, 3), (82, 4), (256, 4), (257, 5), (9000, 10)]
)
def test_there_are_as_many_clusters_as_the_fourth_root_of_the_questions_says(n, count):
    # 3^4 = 81, 4^4 = 256, 9^4 = 6561 < 9000 < 10^4.
    assert cluster_count(n) == count


def test_clusters_are_found_where_they_are():
    draw = np.random.default_rng(0)
    heaps = np.repeat([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]], [30, 20, 10], axis=0)
    centroids, sizes = find_clusters(heaps + draw.normal(size=heaps.shape) * 0.1, 3, seed=0)
    order = np.argsort(-sizes)
    assert sizes[order].tolist() == [30, 20, 10]
    assert centroids[order] == pytest.approx(at([0, 0], [50, 0], [0, 50]), abs=0.2)


def test_there_are_never_more_clusters_than_different_questions():
    centroids, sizes = find_clusters(at([0, 0], [0, 0], [9, 9]), 5, seed=0)
    assert sorted(zip(centroids[:, 0].tolist(), sizes.tolist(), strict=True)) == [(0, 2), (9, 1)]


def test_without_scikit_learn_the_error_says_what_to_install():
    hidden = {name: sys.modules[name] for name in sys.modules if name.split(".")[0] == "sklearn"}
    for name in hidden:
        del sys.modules[name]
    sys.modules["sklearn.cluster"] = None  # as if it were not installed
    try:
        with pytest.raises(UnavailableError, match="needs scikit-learn") as caught:
            find_clusters(np.zeros((4, 2)), 2, seed=0)
    finally:
        del sys.modules["sklearn.cluster"]
        sys.modules.update(hidden)
    assert "rag-router[eval]" in caught.value.hint


# --- the gates --------------------------------------------------------------------------------


def heaps(seed=0):
    """Known questions in two heaps, unknown ones scattered wide around them."""
    draw = np.random.default_rng(seed)
    right = np.arange(240) % 2 == 0
    centres = np.where(draw.random(240) < 0.5, 6.0, -6.0)[:, None] * np.eye(6)[0]
    near, far = centres + draw.normal(size=(240, 6)), draw.normal(size=(240, 6)) * 12
    return lesson(np.where(right[:, None], near, far), right)


@every_form
def test_what_lies_near_to_known_heaps_is_known(name):
    told = heaps()
    assert auroc(out_of_fold(FORMS[name], told), told.right) > 0.85


@every_form
def test_noise_is_not_learned(name):
    told = planted_lesson(240, 8, strength=0.0)
    assert auroc(scores_apart(FORMS[name], told), told.right) == pytest.approx(0.5, abs=0.12)


def test_only_the_contrast_tells_two_like_heaps_apart():
    # Known and unknown questions lie in two heaps of one size: near to seen ones are both.
    told = planted_lesson(240, 4, strength=8.0)
    tells = {name: auroc(scores_apart(gate, told), told.right) for name, gate in FORMS.items()}
    assert tells["thrust_contrast"] > 0.99
    assert abs(tells["thrust"] - 0.5) < 0.2
    assert abs(tells["thrust_per_class"] - 0.5) < 0.2


def test_the_published_score_looks_at_no_label():
    told = heaps()
    other = replace(told, right=~told.right)
    one, two = (ThrustGate().taught(each) for each in (told, other))
    assert one["centroids"].tolist() == two["centroids"].tolist()


def test_the_seen_questions_are_all_in_the_clusters():
    told = heaps()
    # 240^(1/4) = 3.94, so 4 clusters, of all questions or of each class.
    assert ThrustGate().taught(told)["sizes"].sum() == 240
    assert len(ThrustGate().taught(told)["sizes"]) == 4
    assert len(ThrustPerClassGate().taught(told)["sizes"]) == 2 * 4
    contrast = ThrustContrastGate(clusters=2).taught(told)
    assert (contrast["known.sizes"].sum(), contrast["unknown.sizes"].sum()) == (120, 120)
    assert len(contrast["known.sizes"]) == 2


def test_the_score_of_a_fold_is_on_the_scale_of_the_whole():
    # A fold holds four fifths of the questions, and its clusters four fifths of the members.
    told = heaps()
    gate = ThrustGate(clusters=4).fit(told)
    apart, whole = scores_apart(ThrustGate(clusters=4), told), gate.score(told.features)
    assert np.median(apart - whole) == pytest.approx(0, abs=0.1)
    assert math.log(240 / 192) > 0.2  # which it would be off by


def test_a_verdict_shows_what_pulls():
    told = heaps()
    state = np.zeros((3, 6))
    shown = {
        name: assess(gate.fit(told), board_of({"a": state}))[0].signals
        for name, gate in FORMS.items()
    }
    assert set(shown["thrust"]) == set(shown["thrust_per_class"]) == {"thrust", "nearest"}
    assert set(shown["thrust_contrast"]) == {"log_thrust_known", "log_thrust_unknown"}
    gate = ThrustGate().fit(told)
    expected = thrust(np.zeros((1, 6)), gate.arrays["centroids"], gate.arrays["sizes"])
    assert shown["thrust"]["thrust"] == pytest.approx(expected[0])
    distances = np.linalg.norm(gate.arrays["centroids"], axis=1)
    assert shown["thrust"]["nearest"] == pytest.approx(distances.min())


def test_the_contrast_reads_a_layer_below_the_last_and_the_others_the_last():
    # Layer l of 8 holds the number l.
    board = board_of({"a": np.arange(9.0)[:, None]})
    read = {
        name: gate.features(board.questions, board.signals([0], gate.needs)).tolist()
        for name, gate in {**FORMS, "named": ThrustGate(layer=3)}.items()
    }
    assert read["thrust"] == read["thrust_per_class"] == [[8.0]]
    assert read["thrust_contrast"] == [[6.0]]
    assert read["named"] == [[3.0]]


@every_form
def test_what_was_learned_survives_the_disk_and_is_learned_again_alike(name, tmp_path):
    bare = replace(FORMS[name], layer=2, clusters=3)
    gate = bare.fit(heaps())
    assert gate == bare.fit(heaps())
    again = FORMS[name].with_artefact(saved(gate, tmp_path / "gate", threshold=0.4))
    assert again == replace(gate, threshold=0.4)
    assert (again.layer, again.clusters) == (2, 3)
    features = heaps(seed=1).features
    assert again.probabilities(features).tolist() == gate.probabilities(features).tolist()


@every_form
def test_until_it_is_fitted_it_does_not_know(name):
    verdict = assess(FORMS[name], board_of({"a": np.zeros((5, 4))}))[0]
    assert (verdict.p_know, verdict.signals, FORMS[name].fitted) == (0.5, {}, False)


@every_form
def test_broken_lessons_are_errors(name):
    told = heaps()
    with pytest.raises(DataError, match="both classes"):
        FORMS[name].fit(replace(told, right=np.ones(240, dtype=bool)))
    broken = told.features.copy()
    broken[11, 3] = np.nan
    with pytest.raises(DataError, match="rows 11"):
        FORMS[name].fit(replace(told, features=broken))


@every_form
def test_two_known_questions_are_enough_to_run(name):
    told = heaps()
    few = replace(told, right=np.arange(240) < 2)
    p = FORMS[name].fit(few).probabilities(told.features)
    assert np.isfinite(p).all()
