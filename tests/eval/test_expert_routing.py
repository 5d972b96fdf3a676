"""Routers among experts, fitted on one half and judged on the other."""

from __future__ import annotations

import numpy as np
import pytest
from stand_ins import question

from rag_router.errors import DataError, UnknownNameError
from rag_router.eval.expert_fitting import fit_expert_router
from rag_router.eval.expert_outcomes import OutcomeMatrix
from rag_router.eval.expert_routing import (
    Routed,
    cost_curve,
    fitted_routers,
    halves_of,
    joined,
    judge_router,
)
from rag_router.eval.metrics.routing import Point
from rag_router.eval.routing import RoutingRun, routing_summary
from rag_router.experts.card import Card
from rag_router.experts.routing.neighbours import NeighboursRouter
from rag_router.models.scripted_embedder import HashingEmbedder

CARDS = tuple(
    Card(name=name, kind="local", model=name, abilities=frozenset(), parameters=size)
    for name, size in (("lawyer", 1), ("reporter", 2))
)


def matrix_of(count=120, *, said=False):
    """Every other question is of law, which the lawyer alone knows; the reporter knows the rest."""
    law = np.arange(count) % 2 == 0
    right = np.stack([law, ~law], axis=1).astype(float)
    matrix = OutcomeMatrix(
        questions=tuple(question(f"question {n}", f"q{n}") for n in range(count)),
        fields=tuple("law" if one else "news" for one in law),
        cards=CARDS,
        right=right,
        cost=np.tile([1.0, 2.0], (count, 1)),
        p_know=0.1 + 0.8 * right if said else None,
    )
    vectors = np.where(law[:, None], [1.0, 0.0], [0.0, 1.0]).astype(np.float32)
    return matrix, vectors


def test_each_question_is_in_one_half_and_stays_there():
    matrix, _ = matrix_of()
    train, held = halves_of(matrix, 0)
    assert sorted([*train, *held]) == list(range(120))
    assert 40 < len(held) < 80
    assert (halves_of(matrix, 0)[1] == held).all()
    assert not np.array_equal(halves_of(matrix, 1)[1], held)


@pytest.mark.parametrize("name", ["neighbours", "domain", "combined", "self_knowledge"])
def test_what_was_learned_on_one_half_holds_on_the_other(name):
    matrix, vectors = matrix_of(said=True)
    train, held = halves_of(matrix, 0)
    router = fitted_routers([name], matrix.rows(train), vectors[train])[name]
    routed = judge_router(router, matrix.rows(held), vectors[held])
    assert (matrix.right[held, routed.choices] == 1).all()
    assert routed.scores.shape == (len(held), 2)
    assert routed.ms > 0


def test_an_unknown_router_is_told():
    with pytest.raises(UnknownNameError, match="no expert_router named"):
        fitted_routers(["neighbors"], *matrix_of())


def test_parts_are_put_together_in_the_order_of_the_questions():
    one = Routed(np.array([0, 1]), np.array([[1.0, 0.0], [0.0, 1.0]]), 2.0)
    other = Routed(np.array([1]), np.array([[0.2, 0.3]]), 5.0)
    both = joined([(np.array([2, 0]), one), (np.array([1]), other)], 3)
    assert both.choices.tolist() == [1, 1, 0]
    assert both.scores.tolist() == [[0, 1], [0.2, 0.3], [1, 0]]
    assert both.ms == (2 * 2 + 1 * 5) / 3


def test_the_more_money_matters_the_fewer_go_to_the_dear_one():
    # The dear one is ahead by 0.5 and by 0.05, and costs 1 against 1/4 of the dearest.
    scores = np.array([[0.4, 0.9], [0.5, 0.55]])
    right = np.array([[0.0, 1.0], [1.0, 1.0]])
    cost = np.array([[1.0, 4.0]] * 2)
    # From weight 0.05 / 0.75 on the second stays with the cheap one, from 0.5 / 0.75 on both do.
    assert cost_curve(scores, right, cost) == (
        Point(cost=4.0, accuracy=1.0),
        Point(cost=2.5, accuracy=1.0),
        Point(cost=1.0, accuracy=0.5),
    )


def test_a_pair_is_judged_for_each_router_that_gives_scores():
    right = np.array([[1, 0], [0, 1], [0, 1], [0, 1]] * 30, dtype=float)
    gaps = np.array([-0.5, 0.75, -0.25, 0.5] * 30)
    run = RoutingRun(
        questions=[question(f"question {n}", f"q{n}") for n in range(120)],
        models=("small", "large"),
        right=right,
        cost=np.tile([1.0, 4.0], (120, 1)),
        choices={"one": (gaps > 0).astype(np.int64)},
        ms={"one": 0.5},
        answers={},
        scores={"one": np.stack([np.zeros(120), gaps], axis=1)},
        learned_from=7,
    )
    summary = routing_summary(run)
    row = summary["routers"]["one"]
    # Sent over in the order 0.75, 0.5, -0.25, -0.5, a quarter of the questions each: of four, 1,
    # 2, 3, 4 and 3 are right. From 1/4 to 3/4: ((1 + 3)/2 + 2 + 3 + 4) / 4 - 1, twice over 4.
    heights = np.array([1, 2, 3, 4, 3]) / 4
    area = float((heights[1:] + heights[:-1]).sum() / 2 / 4)
    assert row["apgr"] == round((area - 1 / 4) / (1 / 2), 4)
    low, high = row["apgr_95"]
    assert low < row["apgr"] < high
    # It is right on 1, 0, 0, 1 ... : small, large, small, large are right, right, wrong, right.
    assert row["minus_best_single"][0] == 0.0
    assert summary["learned_from"] == 7
    # As money matters less: (1, 1/4), (1.75, 2/4), (2.5, 3/4); from there on flat, as far as 4.
    assert row["aiq"] == round((0.5 * 1.5 + 0.75 * 1.5) / 3, 4)


def test_a_router_is_fitted_and_its_card_says_what_it_is_worth():
    matrix, vectors = matrix_of()
    embedder = HashingEmbedder(name="hashing")
    artefact = fit_expert_router(NeighboursRouter(neighbours=5), matrix, vectors, embedder)
    card = artefact.card
    assert card.method == "expert_router/neighbours"
    assert (card.model, card.model_fingerprint) == ("hashing", embedder.fingerprint)
    assert (card.metrics["accuracy"], card.metrics["regret"]) == (1.0, 0.0)
    held = halves_of(matrix, 0)[1]
    best = max(matrix.right[held].mean(axis=0))
    assert card.metrics["best_single_accuracy"] == round(best, 4)
    assert card.metrics["above_best_single"] == pytest.approx(1 - best, abs=1e-4)
    assert card.metrics["above_best_single_low"] > 0.3
    assert card.notes["experts"] == ["lawyer", "reporter"]
    assert card.notes["held_out"] == len(held)


def test_fifty_questions_are_the_fewest():
    matrix, vectors = matrix_of(40)
    with pytest.raises(DataError, match="40 labelled questions are too few"):
        fit_expert_router(NeighboursRouter(), matrix, vectors, HashingEmbedder(name="h"))
