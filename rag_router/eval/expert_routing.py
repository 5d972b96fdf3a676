"""Routers among experts, fitted on some questions of an outcome matrix and judged on others.

Routing is timed one question at a time, as a service would route; what the question's embedding
and the experts' own passes take is not counted, since both are made anyway.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.eval.datasets import is_held_out
from rag_router.eval.expert_outcomes import OutcomeMatrix
from rag_router.eval.metrics.routing import Point, outcome_of
from rag_router.experts.routing import EXPERT_ROUTERS, ExpertRouter, RoutingContext
from rag_router.experts.routing.base import Knowing
from rag_router.experts.routing.learned import LearnedExpertRouter

__all__ = ["Routed", "cost_curve", "fitted_routers", "halves_of", "joined", "judge_router"]

_WEIGHTS: Final = (0.0, *np.geomspace(1e-3, 3.0, 60).tolist())
"""How much accuracy the dearest expert must bring more than a free one: the points of a curve."""


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """What a router made of some questions.

    Attributes:
        choices: The column that each is sent to, shape (n,).
        scores: What the experts were ranked by, shape (n, experts).
        ms: Milliseconds a question, one question at a time, embedding and asking not counted.
    """

    choices: NDArray[np.int64]
    scores: NDArray[np.float64]
    ms: float


def halves_of(matrix: OutcomeMatrix, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to learn from and those that are held out, by a hash of question ids."""
    held = np.array([is_held_out(question.id, seed=seed) for question in matrix.questions])
    return np.flatnonzero(~held), np.flatnonzero(held)


def fitted_routers(
    names: Sequence[str],
    matrix: OutcomeMatrix,
    vectors: NDArray[np.float32],
    *,
    seed: int = 0,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, ExpertRouter]:
    """Build routers by name, and fit those that learn.

    Args:
        names: Of the registry.
        matrix: What to learn from.
        vectors: Embeddings of its questions, shape (n, dimension).
        seed: Of what is drawn in fitting.
        options: Fields of some routers, by name.

    Raises:
        UnknownNameError: there is no such router.
        DataError: the matrix lacks what one learns from.
    """
    lesson = matrix.lesson(vectors, seed=seed)
    found: dict[str, ExpertRouter] = {}
    for name in names:
        router = EXPERT_ROUTERS.build(name, **(options or {}).get(name, {}))
        found[name] = router.fit(lesson) if isinstance(router, LearnedExpertRouter) else router
    return found


def judge_router(
    router: ExpertRouter, matrix: OutcomeMatrix, vectors: NDArray[np.float32], *, seed: int = 0
) -> Routed:
    """Let a router choose for every question, one at a time, as a service would.

    Args:
        router: Fitted on other questions.
        matrix: What is routed; its outcomes are not shown to the router.
        vectors: Embeddings of its questions, shape (n, dimension).
        seed: Of what is drawn.
    """
    columns = {name: column for column, name in enumerate(matrix.experts)}
    choices, scores = [], np.empty((len(matrix), len(columns)))
    seconds = 0.0
    for row, question in enumerate(matrix.questions):
        context = RoutingContext(
            embeddings=vectors[row : row + 1], p_know=_knowing_of(matrix, row), seed=seed
        )
        begin = time.perf_counter()
        ranking = router.rank([question.text], matrix.cards, context)[0]
        seconds += time.perf_counter() - begin
        choices.append(columns[ranking[0].name])
        for choice in ranking:
            scores[row, columns[choice.name]] = choice.score
    return Routed(np.array(choices, dtype=np.int64), scores, 1000 * seconds / max(len(matrix), 1))


def _knowing_of(matrix: OutcomeMatrix, row: int) -> Knowing | None:
    """What experts say of the one question that is routed: a batch of its own, whose row is 0."""
    knowing = matrix.knowing()
    if knowing is None:
        return None
    return lambda name, rows: [value for _ in rows for value in knowing(name, [row])]


def joined(parts: Sequence[tuple[NDArray[np.int64], Routed]], count: int) -> Routed:
    """Put together what routers made of parts of the questions, each fitted on the others.

    Args:
        parts: The rows of each part, and what was made of them; every row in one part.
        count: Number of questions.
    """
    first = parts[0][1]
    choices = np.empty(count, dtype=np.int64)
    scores = np.empty((count, first.scores.shape[1]))
    for rows, routed in parts:
        choices[rows], scores[rows] = routed.choices, routed.scores
    ms = sum(len(rows) * routed.ms for rows, routed in parts) / max(count, 1)
    return replace(first, choices=choices, scores=scores, ms=ms)


def cost_curve(
    scores: NDArray[np.float64], right: NDArray[np.float64], cost: NDArray[np.float64]
) -> tuple[Point, ...]:
    """Let money matter more and more: what does a router cost and bring at each weight?

    Args:
        scores: What experts were ranked by, shape (n, experts).
        right: How right each is, in [0, 1], of the same shape.
        cost: What it costs, >= 0, of the same shape.

    Returns:
        A point for each weight of the price, from 0 upwards, without repetitions.
    """
    prices = cost.mean(axis=0)
    relative = prices / prices.max() if prices.max() > 0 else prices
    points = [
        outcome_of((scores - weight * relative).argmax(axis=1), right, cost) for weight in _WEIGHTS
    ]
    return tuple(dict.fromkeys(points))
