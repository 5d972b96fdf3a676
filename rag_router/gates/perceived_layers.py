"""A perceptron on each of up to three layers, their logits averaged.

Which layers are tried, logistic probes tell (`rag_router.gates.probed_layers`): they are fitted in
a moment, and a perceptron of sixteen units takes sixteen times the room.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from rag_router.calibration import even_folds
from rag_router.gates.base import Lesson
from rag_router.gates.learned import FOLDS
from rag_router.gates.probed_layers import agreeing, choose_probes, target_of
from rag_router.learning.perceptron import Perceptron, train
from rag_router.learning.probes import Projection, check_width

__all__ = ["fit_perceptrons", "perceptron_logits"]

_LAYERS: Final = 3
_COMPONENTS: Final = 64
_HIDDEN, _STEPS, _BATCH, _DECAY = 16, 300, 256, 3.0


def fit_perceptrons(
    states: NDArray[np.float64], lesson: Lesson
) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.float64]]:
    """Train a perceptron on each of the layers that tell right from wrong best.

    Args:
        states: Hidden states, shape (n, layers, width).
        lesson: What was right, or what share of samples; its features are not read.

    Returns:
        What was learned, and the cross-fitted mean logit of each question.
    """
    best = choose_probes(states, lesson).best[:_LAYERS]
    target = target_of(lesson)
    fold = even_folds(lesson.right, FOLDS, lesson.seed)
    apart = np.zeros((states.shape[1], len(target)))
    whole: dict[int, Perceptron] = {}
    for place in best:
        projection = Projection.of(states[:, place], _COMPONENTS)
        z = projection(states[:, place])
        for left_out in range(FOLDS):
            rest, test = fold != left_out, fold == left_out
            apart[place, test] = _trained(z[rest], target[rest], lesson.seed)(z[test])[:, 0]
        whole[place] = _trained(z, target, lesson.seed).behind(projection)
    chosen = sorted(agreeing(apart, best, lesson.right))
    learned: dict[str, NDArray[Any]] = {"chosen": np.array(chosen, dtype=np.int64)}
    for number, place in enumerate(chosen):
        learned |= whole[place].arrays(f"{number}.")
    return learned, np.asarray(apart[chosen].mean(axis=0))


def perceptron_logits(
    learned: Mapping[str, NDArray[Any]], states: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Logits of the perceptrons, shape (n, chosen), of states (n, layers, width).

    Raises:
        DataError: the states are of another width than those learned from.
    """
    check_width(states, learned["0.first"].shape[0])
    columns = [
        Perceptron.of(learned, f"{number}.")(states[:, place])
        for number, place in enumerate(learned["chosen"])
    ]
    return np.column_stack(columns)


def _trained(z: NDArray[np.float32], target: NDArray[np.float64], seed: int) -> Perceptron:
    inputs, targets = torch.from_numpy(z), torch.from_numpy(target).float()

    def loss(forward: Any, draw: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(inputs), (_BATCH,), generator=draw)
        return torch.nn.functional.binary_cross_entropy_with_logits(
            forward(inputs[rows])[:, 0], targets[rows]
        )

    return train(
        loss,
        width=z.shape[1],
        hidden=_HIDDEN,
        outputs=1,
        steps=_STEPS,
        seed=seed,
        decay=_DECAY,
    )
