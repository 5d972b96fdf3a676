"""Routers judged crosswise: each question by routers that learned from other parts alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.eval.datasets import is_held_out
from rag_router.eval.expert_outcomes import OutcomeMatrix
from rag_router.eval.expert_routing import Routed, fitted_routers, joined, judge_router
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.eval.routing import RoutingRun, routing_summary

__all__ = ["OURS", "PUBLISHED", "against", "crosswise", "parts_of", "summary_of"]

PUBLISHED: Final = (
    "domain",
    "budgeted",
    "benchmark",
    "benchmark_subject",
    "neighbours",
    "linear",
    "item_response",
)
OURS: Final = ("self_knowledge", "self_knowledge_stacked", "combined", "kernel")

Prepare = Callable[[OutcomeMatrix, NDArray[np.int64], NDArray[np.int64]], OutcomeMatrix]
"""Given what is learned from and what is judged, the matrix with what experts say they know."""


def parts_of(ids: Sequence[str], parts: int, seed: int) -> NDArray[np.int64]:
    """Put each question into a part, by a hash of its id; shape (n,)."""
    below = [
        [is_held_out(id_, share=(number + 1) / parts, seed=seed) for id_ in ids]
        for number in range(parts)
    ]
    return np.asarray(np.array(below).argmax(axis=0))


def crosswise(
    names: Sequence[str],
    matrix: OutcomeMatrix,
    vectors: NDArray[np.float32],
    part: NDArray[np.int64],
    *,
    seed: int = 0,
    only: int | None = None,
    prepare: Prepare | None = None,
) -> tuple[dict[str, Routed], NDArray[np.int64], dict[str, float]]:
    """Let routers choose for every question, having learned from the other parts.

    Args:
        names: Of the routers.
        matrix: All outcomes.
        vectors: Embeddings, shape (n, dimension).
        part: The part of each question, shape (n,).
        seed: Of what is drawn in fitting.
        only: Judge this part alone; None judges all of them.
        prepare: Adds what experts say they know; None leaves the matrix as it is.

    Returns:
        What each router made of the questions, the rows that were judged, and seconds of fitting.
    """
    found: dict[str, list[tuple[NDArray[np.int64], Routed]]] = {name: [] for name in names}
    seconds = dict.fromkeys(names, 0.0)
    judged = np.arange(len(matrix)) if only is None else np.flatnonzero(part == only)
    place = {int(row): at for at, row in enumerate(judged)}
    for number in np.unique(part) if only is None else [only]:
        train, test = np.flatnonzero(part != number), np.flatnonzero(part == number)
        known = matrix if prepare is None else prepare(matrix, train, test)
        rows = np.array([place[int(row)] for row in test])
        for name in names:
            begin = time.perf_counter()
            router = fitted_routers([name], known.rows(train), vectors[train], seed=seed)[name]
            seconds[name] += time.perf_counter() - begin
            routed = judge_router(router, known.rows(test), vectors[test], seed=seed)
            found[name].append((rows, routed))
    together = {name: joined(parts, len(judged)) for name, parts in found.items()}
    return together, judged, {name: round(value, 2) for name, value in seconds.items()}


def summary_of(matrix: OutcomeMatrix, routed: Mapping[str, Routed]) -> dict[str, Any]:
    """Return what `eval routing` prints of these routers."""
    run = RoutingRun(
        questions=matrix.questions,
        models=matrix.experts,
        right=matrix.right,
        cost=matrix.cost,
        choices={name: one.choices for name, one in routed.items() if name != "best_single"},
        ms={name: one.ms for name, one in routed.items()},
        answers={},
        scores={name: one.scores for name, one in routed.items() if name != "random"},
    )
    return routing_summary(run)


def against(
    matrix: OutcomeMatrix, ours: NDArray[np.int64], theirs: NDArray[np.int64]
) -> list[float]:
    """Accuracy of ours beyond theirs on the same questions, and the ends of its interval."""
    rows = np.arange(len(matrix))
    ends = Bootstrap().mean_difference(matrix.right[rows, ours], matrix.right[rows, theirs])
    return [round(value, 4) for value in (ends.value, ends.low, ends.high)]
