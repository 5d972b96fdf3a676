"""From a stated goal to a threshold on a calibrated probability.

`risk<=0.1` carries a finite-sample guarantee, conformal risk control (Angelopoulos et al. 2024,
arXiv 2208.02814): the loss of a question at threshold t is 1 where it is answered from memory
(p >= t) and memory is wrong. It falls as t rises, so with n questions and a mean loss R(t),

    t* = the lowest t with  (n R(t) + 1) / (n + 1) <= risk

keeps the expected loss on the next question within `risk`, whatever the probabilities are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_router.errors import UsageError

__all__ = ["Goal", "choose_threshold", "parse_goal"]

Name = Literal["even", "budget", "risk", "error", "accuracy"]

_GOALS: Final = "Use even, budget=0.4, risk<=0.1, error<=0.3 (0 to 1) or accuracy=always-0.01."


@dataclass(frozen=True, slots=True)
class Goal:
    """What a threshold is for.

    Attributes:
        name: Of the goal.
        value: Its number; for accuracy, how far below always retrieving is acceptable.
    """

    name: Name
    value: float


def parse_goal(goal: str) -> Goal:
    """Read a goal as it is written on the command line.

    Raises:
        UsageError: there is no such goal.
    """
    if goal == "even":
        return Goal("even", 0.5)
    name, _, number = goal.replace("<=", "=").partition("=")
    if name == "accuracy" and number.startswith("always"):
        name, number = "accuracy", number.removeprefix("always").removeprefix("-") or "0"
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    for known in ("budget", "risk", "error", "accuracy"):
        if name == known and 0 <= value <= 1:
            return Goal(known, value)
    raise UsageError(f"no goal is called {goal!r}.", hint=_GOALS)


def choose_threshold(
    goal: str,
    p: ArrayLike,
    right: Sequence[bool] | NDArray[np.bool_],
    helped: Sequence[bool] | NDArray[np.bool_] | None = None,
) -> float:
    """Turn a stated goal into a threshold; what is at or above it is answered from memory.

    Args:
        goal: "even" retrieves what is more likely wrong than right; "budget=0.4" retrieves for
            40 % of the questions; "risk<=0.1" answers as much from memory as keeps wrong answers
            from memory within 10 % of all questions, guaranteed in expectation; "error<=0.3" is
            the lowest threshold above which at most 30 % of the answers are wrong (of these
            questions; no guarantee); "accuracy=always-0.01" spares as many retrievals as cost at
            most one point of accuracy against always retrieving.
        p: Probabilities, shape (n,).
        right: Whether memory was right.
        helped: Whether the answer with retrieval was right; needed for accuracy goals.

    Raises:
        UsageError: the goal is unknown or these questions cannot reach it; says what they can.
    """
    aim = parse_goal(goal)
    scores = np.asarray(p, dtype=np.float64)
    known = np.asarray(right, dtype=bool)
    if aim.name == "even":
        return aim.value
    if aim.name == "budget":
        return float(np.quantile(scores, aim.value))
    if aim.name == "risk":
        return _risk(aim.value, scores, known)
    if aim.name == "error":
        return _error(aim.value, scores, known)
    if helped is None:
        raise UsageError(
            "a goal of accuracy needs answers with retrieval.",
            hint="Let the questions be answered with retrieval too (gate fit --with-retrieval), or "
            "use another goal: even, budget=, risk<=, error<=.",
        )
    return _accuracy(aim.value, scores, known, np.asarray(helped, dtype=bool))


_NOTHING: Final = 1.0
"""Above every probability that a curve gives: nothing is answered from memory."""


def _risk(value: float, p: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    n = len(p)
    allowed = value * (n + 1) - 1
    if allowed < 0:
        raise UsageError(
            f"{n} questions cannot promise a risk of {value:g}.",
            hint=f"They can promise {1 / (n + 1):.4f}; give more questions, or a higher risk.",
        )
    best = _NOTHING
    for threshold, wrong in zip(*_wrong_above(p, right), strict=True):
        if wrong > allowed + 1e-9:
            break
        best = threshold
    return float(best)


def _error(value: float, p: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    thresholds, wrong = _wrong_above(p, right)
    answered = np.array([(p >= t).sum() for t in thresholds])
    share = wrong / answered
    enough = np.flatnonzero(share <= value)
    if not len(enough):
        raise UsageError(
            f"no threshold keeps the error at {value:g}.",
            hint=f"The lowest error these questions reach is {share.min():.2f}.",
        )
    # Not rounded: rounded up, it would no longer keep the last question above it.
    return float(thresholds[enough[-1]])


def _accuracy(
    value: float, p: NDArray[np.float64], right: NDArray[np.bool_], helped: NDArray[np.bool_]
) -> float:
    always = float(helped.mean())
    best = _NOTHING
    for threshold in np.unique(p)[::-1]:
        if np.where(p >= threshold, right, helped).mean() >= always - value - 1e-12:
            best = float(threshold)
    return best


def _wrong_above(
    p: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each distinct probability, highest first, and how many at or above it are wrong.

    A threshold cannot part questions of equal probability: they stand or fall together.
    """
    thresholds, where = np.unique(p, return_inverse=True)
    wrong = np.bincount(where, weights=~right)
    return thresholds[::-1], np.cumsum(wrong[::-1])
