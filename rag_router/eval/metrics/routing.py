"""How well questions were sent to models, from what every model would have answered.

Computed on an outcome matrix: for every question and model, how right the model is and what it
costs. The baseline to beat is the *zero router* of RouterBench (Hu et al. 2024, arXiv 2403.12031):
single models mixed at random, whose accuracies are the non-decreasing convex hull of theirs; AIQ
is the mean height of such a hull over a range of costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.errors import DataError
from rag_router.eval.metrics.columns import same_length, table

__all__ = [
    "Point",
    "aiq",
    "best_single",
    "hull",
    "hull_accuracy",
    "oracle_choices",
    "outcome_of",
    "regret",
    "routing_figures",
    "single_models",
    "zero_router",
]


@dataclass(frozen=True, slots=True)
class Point:
    """What a policy costs and brings, both as means over questions.

    Attributes:
        cost: In whatever the cost matrix counts, >= 0.
        accuracy: In [0, 1].
    """

    cost: float
    accuracy: float


def routing_figures(choices: ArrayLike, right: ArrayLike, cost: ArrayLike) -> dict[str, float]:
    """Return "accuracy", "cost" and "regret" of a policy; see `outcome_of` and `regret`."""
    point = outcome_of(choices, right, cost)
    return {
        "accuracy": point.accuracy,
        "cost": point.cost,
        "regret": regret(choices, right, cost),
    }


def outcome_of(choices: ArrayLike, right: ArrayLike, cost: ArrayLike) -> Point:
    """Return mean cost and accuracy of a policy.

    Args:
        choices: Column of the model that each question is sent to, shape (n,).
        right: How right each model is on each question, in [0, 1], shape (n, m).
        cost: What it costs, >= 0, shape (n, m).

    Raises:
        DataError: shapes differ, NaN, numbers out of range, or there is no such model.
    """
    brings, costs = _matrices(right, cost)
    chosen = _choices(choices, brings)
    rows = np.arange(len(brings))
    return Point(
        cost=float(costs[rows, chosen].mean()), accuracy=float(brings[rows, chosen].mean())
    )


def oracle_choices(right: ArrayLike, cost: ArrayLike) -> NDArray[np.int64]:
    """Return the best model of each question: of the rightest ones, the cheapest.

    Where no model is right that is the cheapest of all. Ties go to the first.
    """
    brings, costs = _matrices(right, cost)
    best = brings == brings.max(axis=1, keepdims=True)
    return np.asarray(np.where(best, costs, np.inf).argmin(axis=1))


def regret(choices: ArrayLike, right: ArrayLike, cost: ArrayLike) -> float:
    """Return the accuracy that the oracle has more, in [0, 1]."""
    brings, _ = _matrices(right, cost)
    rows = np.arange(len(brings))
    return float((brings.max(axis=1) - brings[rows, _choices(choices, brings)]).mean())


def best_single(right: ArrayLike, cost: ArrayLike) -> int:
    """Return the column of the model that is right most often; of equals, the cheapest."""
    points = single_models(right, cost)
    return max(range(len(points)), key=lambda m: (points[m].accuracy, -points[m].cost))


def single_models(right: ArrayLike, cost: ArrayLike) -> tuple[Point, ...]:
    """Return each model alone, in the order of the columns."""
    brings, costs = _matrices(right, cost)
    return tuple(
        Point(cost=float(c), accuracy=float(a))
        for c, a in zip(costs.mean(axis=0), brings.mean(axis=0), strict=True)
    )


def zero_router(right: ArrayLike, cost: ArrayLike) -> tuple[Point, ...]:
    """Return the hull of the single models: what mixing them blindly can bring."""
    return hull(single_models(right, cost))


def hull(points: Iterable[Point]) -> tuple[Point, ...]:
    """Return the corners of the non-decreasing convex hull, the cheapest first.

    Between two corners lies the policy that tosses a coin between them. Beyond the last, money
    buys nothing more.

    Raises:
        DataError: there are no points.
    """
    corners: list[Point] = []
    for point in sorted(_some(points), key=lambda p: (p.cost, -p.accuracy)):
        if corners and point.accuracy <= corners[-1].accuracy:
            continue
        while len(corners) > 1 and not _bends_down(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    return tuple(corners)


def hull_accuracy(points: Iterable[Point], cost: float) -> float:
    """Return the accuracy that the hull of the points buys for a mean cost.

    Zero below the cheapest point, where nothing can be bought.
    """
    return _height(hull(points), cost)


def aiq(
    points: Sequence[Point], *, lowest: float | None = None, highest: float | None = None
) -> float:
    """Average improvement in quality: mean height of the hull over a range of costs, in [0, 1].

    Two routers are comparable over the same range only; give both that of the single models.

    Args:
        points: What the router costs and brings at each setting.
        lowest: Where the range begins; by default at the cheapest point. Below that nothing can
            be bought and the height is zero.
        highest: Where it ends; by default at the dearest point. A range of no width gives the
            height there.

    Raises:
        DataError: there are no points, or the range is reversed.
    """
    costs = [p.cost for p in _some(points)]
    start = min(costs) if lowest is None else lowest
    end = max(costs) if highest is None else highest
    if not start <= end:
        raise DataError(f"costs from {start} to {end} are no range.", hint="Swap the two.")
    corners = hull(points)
    if start == end:
        return _height(corners, start)
    begin = max(start, corners[0].cost)
    if begin >= end:
        return 0.0
    places = [begin, *(p.cost for p in corners if begin < p.cost < end), end]
    heights = np.array([_height(corners, place) for place in places])
    return float(np.diff(places) @ (heights[1:] + heights[:-1]) / 2 / (end - start))


def _height(corners: Sequence[Point], cost: float) -> float:
    if cost < corners[0].cost:
        return 0.0
    return float(np.interp(cost, [p.cost for p in corners], [p.accuracy for p in corners]))


def _bends_down(first: Point, second: Point, third: Point) -> bool:
    """Whether the slope falls at the second point."""
    return (second.accuracy - first.accuracy) * (third.cost - second.cost) > (
        third.accuracy - second.accuracy
    ) * (second.cost - first.cost)


def _some(points: Iterable[Point]) -> list[Point]:
    found = list(points)
    if not found:
        raise DataError("there are no points.", hint="Give what at least one policy costs.")
    table("points", [[p.cost, p.accuracy] for p in found])
    return found


def _matrices(right: ArrayLike, cost: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    brings, costs = table("outcomes", right, within=True), table("costs", cost)
    if brings.shape != costs.shape:
        raise DataError(
            f"outcomes have shape {brings.shape} and costs {costs.shape}.",
            hint="Both are (questions, models).",
        )
    if (costs < 0).any():
        raise DataError(f"{int((costs < 0).sum())} costs are below 0.")
    return brings, costs


def _choices(choices: ArrayLike, brings: NDArray[np.float64]) -> NDArray[np.int64]:
    chosen = np.asarray(choices)
    models = brings.shape[1]
    if chosen.ndim != 1 or not np.issubdtype(chosen.dtype, np.integer):
        raise DataError("choices are no column of whole numbers.", hint="One model per question.")
    same_length(choices=chosen, outcomes=brings)
    if chosen.min() < 0 or chosen.max() >= models:
        raise DataError(
            f"choices go from {chosen.min()} to {chosen.max()}.", hint=f"0 to {models - 1} exist."
        )
    return chosen.astype(np.int64)
