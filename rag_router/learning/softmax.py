"""Softmax and logistic regressions of many outputs, fitted together.

    minimise over W, b:   mean_i CE(t_i, softmax(W x_i + b))  +  ridge / 2 |W|^2

or with a sigmoid of each output in place of the softmax. By steps against a curvature that bounds
the true one from above, so that every step lowers the loss and its matrix is factored once for all
outputs and steps (Böhning 1992, "Multinomial logistic regression algorithm",
doi 10.1007/BF00048682): the Hessian lies below 1/2 I x mean(x x^T), and for sigmoids below 1/4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_sigmoids", "fit_softmax", "sigmoid", "softmax"]

Array = NDArray[np.float64]

_STEPS: Final = 300
_ENOUGH: Final = 1e-6
"""A loss that falls by less than this, in nats, has arrived."""

_RIDGE_OF_BIAS: Final = 1e-9
"""A bias is not shrunk; this little only keeps it finite where a class is missing."""


def fit_softmax(
    x: NDArray[np.float64], target: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit weights and biases.

    Args:
        x: Shape (n, d).
        target: How likely each class was, rows sum to 1; shape (n, classes).
        ridge: > 0; keeps separable data finite.

    Returns:
        Weights of shape (classes, d), and biases (classes,).
    """
    return _descend(x, target, ridge, bound=0.5, likely=softmax, losses=_softmax_losses)


def fit_sigmoids(
    x: NDArray[np.float64], target: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit a logistic regression for each column of the target.

    Args:
        x: Shape (n, d).
        target: How likely each output was, in [0, 1], shape (n, outputs).
        ridge: > 0; keeps separable data finite.

    Returns:
        Weights of shape (outputs, d), and biases (outputs,).
    """
    return _descend(x, target, ridge, bound=0.25, likely=sigmoid, losses=_sigmoid_losses)


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-logits)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(logits / 2)))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities over the last axis, of the shape of the logits."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def _softmax_losses(logits: Array, target: Array) -> Array:
    top = logits.max(axis=1)
    total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return np.asarray(target.sum(axis=1) * total - (target * logits).sum(axis=1))


def _sigmoid_losses(logits: Array, target: Array) -> Array:
    return np.asarray((np.logaddexp(0, logits) - target * logits).sum(axis=1))


def _descend(
    x: Array,
    target: Array,
    ridge: float,
    *,
    bound: float,
    likely: Callable[[Array], Array],
    losses: Callable[[Array, Array], Array],
) -> tuple[Array, Array]:
    design = np.column_stack([x, np.ones(len(x))])
    penalty = np.append(np.full(x.shape[1], ridge), _RIDGE_OF_BIAS)[:, None]
    inverse = np.linalg.inv(bound * (design.T @ design) / len(x) + np.diag(penalty[:, 0]))
    beta = np.zeros((design.shape[1], target.shape[1]))
    loss, ahead, momentum = np.inf, beta, 1.0
    for _ in range(_STEPS):
        # Nesterov's look ahead, given up where it overshoots: it saves most of the steps.
        gradient = design.T @ (likely(design @ ahead) - target) / len(x) + penalty * ahead
        step = ahead - inverse @ gradient
        after = float(losses(design @ step, target).mean() + 0.5 * (penalty * step * step).sum())
        if after > loss and momentum > 1.0:
            ahead, momentum = beta, 1.0
            continue
        following = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        ahead = step + (momentum - 1) / following * (step - beta)
        fallen, beta, loss, momentum = loss - after, step, after, following
        if fallen < _ENOUGH:
            break
    return np.ascontiguousarray(beta[:-1].T), beta[-1].copy()
