"""Weighted logistic regression with a ridge, by Newton's method.

Hoerl and Kennard 1970 (doi 10.1080/00401706.1970.10488634) for the ridge. Loss, with weights that
sum to 1:

    sum_i weight_i CE(target_i, sigmoid(x_i w + b)) + ridge / 2 |w|^2
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rag_router.learning.softmax import sigmoid

__all__ = ["cross_entropy", "fit_logistic"]


def fit_logistic(
    x: NDArray[np.float64],
    target: NDArray[np.float64],
    weight: NDArray[np.float64],
    ridge: float,
) -> tuple[NDArray[np.float64], float]:
    """Fit weights and bias.

    Args:
        x: Shape (n, d).
        target: What happened, or how likely it was, in [0, 1], shape (n,).
        weight: How much each row counts, >= 0, shape (n,).
        ridge: > 0; keeps separable data finite.

    Returns:
        Weights of shape (d,), and the bias.
    """
    share = weight / weight.sum()
    design = np.column_stack([x, np.ones(len(x))])
    penalty = np.full(design.shape[1], ridge)
    # A bias is not shrunk; this little only keeps it finite where one class is missing.
    penalty[-1] = 1e-9
    beta = np.zeros(design.shape[1])
    loss = _loss(design, target, share, penalty, beta)
    for _ in range(50):
        p = sigmoid(design @ beta)
        gradient = design.T @ (share * (p - target)) + penalty * beta
        hessian = design.T @ (design * (share * p * (1 - p))[:, None]) + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        # Halve the step until the loss falls: plain Newton can overshoot on separable data.
        while _loss(design, target, share, penalty, beta - size * step) > loss and size > 1e-6:
            size /= 2
        beta = beta - size * step
        fallen, loss = loss, _loss(design, target, share, penalty, beta)
        if fallen - loss < 1e-9:
            break
    return beta[:-1], float(beta[-1])


def cross_entropy(
    logits: NDArray[np.float64], target: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """Weighted mean cross-entropy in nats."""
    losses = np.logaddexp(0, logits) - target * logits
    return float((weight * losses).sum() / weight.sum())


def _loss(
    design: NDArray[np.float64],
    target: NDArray[np.float64],
    share: NDArray[np.float64],
    penalty: NDArray[np.float64],
    beta: NDArray[np.float64],
) -> float:
    z = design @ beta
    losses = np.logaddexp(0, z) - target * z
    return float((share * losses).sum() + 0.5 * (penalty * beta * beta).sum())
