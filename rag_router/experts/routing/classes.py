"""Which class a question belongs to: what routers share that go by domain, subject or best expert.

A softmax regression on the question's embedding stands where the papers fine-tune an encoder
(MoDEM: DeBERTa-v3-large; Bench-CoE: BERT); the embedding has been made for the gate and retrievers
anyway, and a question costs one small product more. The ridge is the one of least cross-validated
cross-entropy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.learning.softmax import fit_softmax, softmax

__all__ = ["class_probabilities", "fit_classes", "folds_of", "one_hot"]

_RIDGES: Final = (3e-2, 1e-2, 3e-3, 1e-3)
_FOLDS: Final = 3


def fit_classes(
    vectors: NDArray[np.float32], target: NDArray[np.float64], seed: int
) -> dict[str, NDArray[np.float64]]:
    """Learn classes.

    Args:
        vectors: Embeddings, shape (n, dimension).
        target: How likely each class was, rows sum to 1; shape (n, classes).
        seed: Of the folds by which the ridge is chosen.

    Returns:
        "weights" of shape (classes, dimension), and "bias" (classes,).
    """
    x = vectors.astype(np.float64)
    fold = folds_of(len(x), _FOLDS, seed)
    losses = np.zeros(len(_RIDGES))
    for number in range(_FOLDS):
        rest, test = fold != number, fold == number
        for place, ridge in enumerate(_RIDGES):
            weights, bias = fit_softmax(x[rest], target[rest], ridge)
            p = softmax(x[test] @ weights.T + bias)
            losses[place] -= (target[test] * np.log(np.maximum(p, 1e-12))).sum()
    weights, bias = fit_softmax(x, target, _RIDGES[int(losses.argmin())])
    return {"weights": weights, "bias": bias}


def class_probabilities(
    arrays: Mapping[str, NDArray[Any]], vectors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how likely a question is of each class, shape (questions, classes)."""
    # One question at a time: a product of matrices adds up in another order.
    logits = [arrays["weights"] @ vector + arrays["bias"] for vector in vectors]
    return softmax(np.array(logits))


def folds_of(count: int, folds: int, seed: int) -> NDArray[np.int64]:
    """Draw a fold for each question, the folds of one size; shape (count,)."""
    fold = np.empty(count, dtype=np.int64)
    fold[np.random.default_rng(seed).permutation(count)] = np.arange(count) % folds
    return fold


def one_hot(labels: Sequence[str], classes: Sequence[str]) -> NDArray[np.float64]:
    """Return 1 for the class of each label and 0 elsewhere, shape (labels, classes)."""
    target = np.zeros((len(labels), len(classes)))
    target[np.arange(len(labels)), [classes.index(label) for label in labels]] = 1.0
    return target
