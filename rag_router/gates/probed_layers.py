"""A logistic probe on each of several layers, their logits averaged.

How many principal components are read and under which penalty is chosen for all layers together,
by cross-validation: a choice for each layer by itself would follow the noise. Then as many of the
best layers are averaged as do no harm; single layers change places with every draw of the folds,
their mean stays (bagging, Breiman 1996, doi 10.1007/BF00058655).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag_router.calibration import Platt, even_folds
from rag_router.gates.base import Lesson
from rag_router.gates.learned import FOLDS
from rag_router.learning.probes import (
    Projection,
    check_width,
    cross_entropies,
    logistic_path,
    logits_apart,
)

__all__ = ["Choice", "agreeing", "choose_probes", "fit_probes", "probe_logits", "target_of"]

_COMPONENTS: Final = (32, 64, 128)
_PENALTIES: Final = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_HARMLESS: Final = 0.01
"""A set of layers does no harm if its loss is at most this share above the least."""


class Choice(NamedTuple):
    """How probes are fitted, and what they make of questions that they did not learn from.

    Attributes:
        components: Principal components of each layer.
        penalty: On the weights.
        logits: Cross-fitted, of each layer, shape (layers, n).
        best: The layers, the one of least loss first.
    """

    components: int
    penalty: float
    logits: NDArray[np.float64]
    best: list[int]


def fit_probes(
    states: NDArray[np.float64], lesson: Lesson
) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.float64]]:
    """Fit probes to the layers that tell right from wrong.

    Args:
        states: Hidden states, shape (n, layers, width).
        lesson: What was right, or what share of samples; its features are not read.

    Returns:
        What was learned, and the cross-fitted mean logit of each question.
    """
    choice = choose_probes(states, lesson)
    chosen = sorted(agreeing(choice.logits, choice.best, lesson.right))
    target = target_of(lesson)
    solved = [_solve(states[:, place], target, choice) for place in chosen]
    learned = {
        "chosen": np.array(chosen, dtype=np.int64),
        "components": np.array([choice.components]),
        "penalty": np.array([choice.penalty]),
        "weights": np.array([weights for weights, _ in solved], dtype=np.float32),
        "biases": np.array([bias for _, bias in solved]),
    }
    return learned, np.asarray(choice.logits[chosen].mean(axis=0))


def probe_logits(
    learned: Mapping[str, NDArray[Any]], states: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Logits of the chosen layers' probes, shape (n, chosen), of states (n, layers, width).

    Raises:
        DataError: the states are of another width than those learned from.
    """
    check_width(states, learned["weights"].shape[1])
    products = states[:, learned["chosen"]] * learned["weights"].astype(np.float64)
    # Not a matrix product: that adds up in another order where there are more rows.
    return np.asarray(products.sum(axis=2) + learned["biases"])


def choose_probes(states: NDArray[np.float64], lesson: Lesson) -> Choice:
    """Choose components and penalty by the cross-validated loss, mean over the layers.

    Args:
        states: Hidden states, shape (n, layers, width).
        lesson: What was right, or what share of samples.
    """
    target = target_of(lesson)
    fold = even_folds(lesson.right, FOLDS, lesson.seed)
    tried = []
    for place in range(states.shape[1]):
        # The projection knows no labels, so that it may know all questions.
        z = Projection.of(states[:, place], max(_COMPONENTS))(states[:, place])
        tried.append([logits_apart(z[:, :c], target, _PENALTIES, fold) for c in _COMPONENTS])
    logits = np.array(tried)
    losses = cross_entropies(logits, target)
    mean = losses.mean(axis=0)
    first, second = np.unravel_index(int(mean.argmin()), mean.shape)
    best = np.argsort(losses[:, first, second], kind="stable")
    return Choice(
        components=_COMPONENTS[first],
        penalty=_PENALTIES[second],
        logits=logits[:, first, second],
        best=[int(place) for place in best],
    )


def target_of(lesson: Lesson) -> NDArray[np.float64]:
    """What is to be predicted: the share of right samples, or else whether the answer was right."""
    return lesson.right.astype(np.float64) if lesson.share is None else lesson.share


def agreeing(
    logits: NDArray[np.float64], best: Sequence[int], right: NDArray[np.bool_]
) -> list[int]:
    """Choose how many of the best layers are averaged: as many as do no harm.

    Args:
        logits: Cross-fitted, of each layer, shape (layers, n).
        best: The layers to choose from, the best one first.
        right: What was right, shape (n,).
    """
    losses = []
    for count in range(1, len(best) + 1):
        mean = logits[list(best[:count])].mean(axis=0)
        # An average of logits is less sure than any of them; the curve makes up for that later.
        curve = Platt.fit(mean, right)
        calibrated = curve.slopes[0] * mean + curve.intercept
        losses.append(float(cross_entropies(calibrated, right.astype(np.float64))))
    harmless = np.flatnonzero(np.array(losses) <= min(losses) * (1 + _HARMLESS))
    return list(best[: int(harmless[-1]) + 1])


def _solve(
    states: NDArray[np.float64], target: NDArray[np.float64], choice: Choice
) -> tuple[NDArray[np.float64], float]:
    """Fit a probe to all questions; return its weights on the states themselves, and its bias."""
    projection = Projection.of(states, choice.components)
    beta = logistic_path(projection(states), target, [choice.penalty])[0]
    weights, bias = projection.unfold(beta[:-1, None], beta[-1:])
    return weights[:, 0], float(bias[0])
