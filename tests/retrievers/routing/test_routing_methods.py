from __future__ import annotations

import numpy as np
import pytest
from clusters import around, lesson
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rag_router.errors import DataError
from rag_router.retrievers import Query
from rag_router.retrievers.routing.everywhere import EverywhereRouter
from rag_router.retrievers.routing.lesson import RouteLesson
from rag_router.retrievers.routing.linear import LinearRouter
from rag_router.learning.logistic import fit_logistic
from rag_router.retrievers.routing.logistic import balanced_curve
from rag_router.retrievers.routing.neighbours import NeighboursRouter
from rag_router.retrievers.routing.oracle import OracleRouter
from rag_router.retrievers.routing.outcome import OutcomeRouter
from rag_router.retrievers.routing.pilots import PilotsRouter, centroids
from rag_router.retrievers.routing.pilots_released import ReleasedPilotsRouter
from rag_router.retrievers.routing.seen import as_kept, as_read

LINES = arrays(np.float64, st.tuples(st.integers(1, 9), st.just(3)), elements=st.floats(-1, 1))


@given(LINES)
def test_one_centroid_is_the_arithmetic_mean(vectors):
    assert np.allclose(centroids(vectors, 1), vectors.mean(axis=0))


@given(LINES, st.integers(1, 12))
def test_there_are_never_more_centroids_than_vectors(vectors, count):
    found = centroids(vectors, count)
    assert 1 <= len(found) <= min(count, len(vectors))
    assert np.isfinite(found).all()


def test_two_heaps_have_their_means_for_centroids():
    vectors = np.array([[0.0, 1.0], [0.0, 3.0], [9.0, 0.0], [11.0, 0.0]])
    assert sorted(centroids(vectors, 2).tolist()) == [[0.0, 2.0], [10.0, 0.0]]


def test_the_paper_takes_the_mean_over_pilots_and_the_released_code_the_nearest():
    learned = {"pilots": np.array([[2.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])}
    query = np.array([[1.0, 0.0]])
    # Cosines are 1, -1 and 0.
    assert PilotsRouter().score(learned, query) == [0.0]
    assert ReleasedPilotsRouter().score(learned, query) == [1.0]


def test_each_group_of_questions_has_a_pilot():
    made = lesson({"law": 20, "news": 20})
    # The expert for law did best on the first ten questions of news too.
    found = {
        "law": np.array([1.0] * 20 + [1.0] * 10 + [0.0] * 10),
        "news": np.array([0.0] * 20 + [0.5] * 10 + [1.0] * 10),
    }
    router = PilotsRouter().fit(RouteLesson(vectors=made.vectors, fields=made.fields, found=found))
    kept = as_read(*as_kept(made.vectors))
    wanted = np.stack([kept[:20].mean(axis=0), kept[20:30].mean(axis=0)])
    assert np.allclose(router.arrays["law/pilots"], wanted)
    assert np.allclose(router.arrays["news/pilots"], kept[30:].mean(axis=0))


def test_the_nearest_questions_of_an_expert_are_averaged():
    seen, scales = as_kept(np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32))
    score = NeighboursRouter(neighbours=2).score(
        {"seen": seen, "scales": scales}, np.array([[1.0, 0.0]])
    )
    assert score == pytest.approx((1.0 + 0.6) / 2, abs=0.005)


def test_more_neighbours_than_there_are_are_all_of_them():
    seen, scales = as_kept(np.array([[1, 0], [0, 1]], dtype=np.float32))
    score = NeighboursRouter(neighbours=9).score(
        {"seen": seen, "scales": scales}, np.array([[1.0, 0.0]])
    )
    assert score == pytest.approx(0.5)


def test_outcomes_say_who_is_best_and_the_own_expert_wins_ties():
    made = RouteLesson(
        vectors=np.zeros((4, 2), dtype=np.float32),
        fields=("b", "c", "a", "a"),
        found={
            "a": np.array([0.5, 0.7, 0.0, 0.1]),
            "b": np.array([0.5, 0.7, 0.0, 0.9]),
            "c": np.array([0.2, 0.0, 0.0, 0.0]),
        },
    )
    # A tie of a and b on b's own question; one on c's; nobody found anything; b was better.
    assert made.best() == ("b", "a", None, "b")


def test_without_outcomes_nobody_can_be_best():
    with pytest.raises(DataError, match="nobody searched"):
        OutcomeRouter().fit(lesson({"law": 20, "news": 20}))


def test_what_nobody_found_teaches_an_outcome_router_nothing():
    made = lesson({"law": 20, "news": 20})
    found = {
        "law": np.array([1.0] * 15 + [0.0] * 25),
        "news": np.array([0.0] * 20 + [1.0] * 20),
    }
    taught = RouteLesson(vectors=made.vectors, fields=made.fields, found=found)
    assert len(OutcomeRouter().fit(taught).arrays["law/seen"]) == 15
    assert len(LinearRouter().fit(taught).arrays["law/seen"]) == 20


def test_a_ridge_that_is_given_is_taken():
    made = lesson({"law": 20, "news": 20})
    strong, weak = (LinearRouter(ridge=r).fit(made).arrays["law/weights"] for r in (1.0, 1e-4))
    assert np.linalg.norm(strong) < np.linalg.norm(weak)


def test_everybody_is_asked_and_the_oracle_knows_whom():
    queries = [Query("a", np.zeros(2, np.float32)), Query("b", np.zeros(2, np.float32))]
    assert EverywhereRouter().probabilities(queries, ("x", "y")).tolist() == [[0.5, 0.5]] * 2
    oracle = OracleRouter(right={"a": ("y",), "b": ("x", "y")})
    assert oracle.probabilities(queries, ("x", "y")).tolist() == [[0, 1], [1, 1]]
    with pytest.raises(DataError, match="nobody told the oracle where 'c' belongs"):
        oracle.probabilities([Query("c", queries[0].vector)], ("x",))


def test_a_logistic_line_through_two_points_is_where_the_loss_is_least():
    # Targets 0.75 and 0.25 at -1 and 1: without a ridge w = -ln 3, b = 0.
    x, target = np.array([[-1.0], [1.0]]), np.array([0.75, 0.25])
    w, b = fit_logistic(x, target, np.ones(2), ridge=1e-9)
    assert w[0] == pytest.approx(-np.log(3), abs=1e-5)
    assert b == pytest.approx(0, abs=1e-6)


def test_a_curve_counts_own_and_other_questions_the_same():
    # Two numbers go through two points: the smoothed targets, (1 + 1) / (1 + 2) and 1 / (3 + 2).
    curve = balanced_curve(np.array([1.0]), np.array([-1.0] * 3))
    assert curve(np.array([1.0, -1.0])) == pytest.approx([2 / 3, 1 / 5], abs=1e-3)
    one = balanced_curve(np.array([1.0]), np.array([-1.0]))
    assert one(np.array([0.0]))[0] == pytest.approx(0.5, abs=1e-6)


def test_scores_that_speak_against_themselves_say_nothing():
    curve = balanced_curve(np.array([-1.0, -2.0]), np.array([1.0, 2.0]))
    assert curve(np.array([-5.0, 5.0])).tolist() == [0.5, 0.5]
    assert balanced_curve(np.ones(3), np.ones(3))(np.array([7.0]))[0] == 0.5


@given(arrays(np.float32, (4, 3), elements=st.floats(-1, 1, width=32)))
def test_a_kept_embedding_is_off_by_half_a_step_at_most(vectors):
    steps, scales = as_kept(vectors)
    assert steps.dtype == np.int8
    assert (np.abs(as_read(steps, scales) - vectors) <= scales / 2 + 1e-6).all()


def test_a_wide_field_and_a_narrow_one_are_told_apart_by_their_curves():
    narrow, wide = around("law", 40, spread=0.05), around("news", 40, spread=0.6)
    made = RouteLesson(
        vectors=np.concatenate([narrow, wide]), fields=("law",) * 40 + ("news",) * 40
    )
    router = PilotsRouter().fit(made)
    far = [Query("", vector) for vector in around("news", 40, spread=0.6, seed=1)]
    assert (router.probabilities(far, ("law", "news")).argmax(axis=1) == 1).mean() > 0.9
