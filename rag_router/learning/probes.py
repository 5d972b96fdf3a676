"""Logistic probes on hidden states: which direction tells right from wrong?

A probe is a logistic regression with an L2 penalty on the components z of a layer (Alain and Bengio
2016, "Understanding intermediate layers using linear classifier probes", arXiv 1610.01644),

    minimise over w, b:   mean_i BCE(t_i, sigma(w . z_i + b))  +  penalty / 2 |w|^2

by Newton's method, or where there are many components by L-BFGS (Liu and Nocedal 1989,
doi 10.1007/BF01589116), which needs no curvature of every pair. A layer is wide, and a few of its
components are so large that they drown the others. So it is projected on its first principal
components before, and each of these is given the same variance. A target t_i in [0, 1] counts as
that share of a right and the rest of a wrong example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError

__all__ = ["Projection", "check_width", "cross_entropies", "logistic_path", "logits_apart"]

Array = NDArray[np.floating]

_ROUNDING: Final = 1e-4
"""A component that varies by less than this share of its size varies by rounding alone."""

_STEPS: Final = 30

_WIDE: Final = 400
"""From so many columns on, Newton's method spends its time on the curvature."""


@dataclass(frozen=True, slots=True)
class Projection:
    """A layer's first principal components, each of mean 0 and variance 1.

    The layer's own components are standardised before, so that none leads by its size alone.

    Attributes:
        mean: Shape (width,).
        basis: Shape (width, components), the component of the largest variance first; holds the
            divisions by the standard deviations too.
    """

    mean: NDArray[np.float64]
    basis: NDArray[np.float64]

    @classmethod
    def of(cls, states: Array, most: int) -> Projection:
        """Find the principal components of states of shape (n, width).

        Args:
            states: Hidden states of one layer.
            most: Most components to keep.
        """
        mean = states.mean(axis=0, dtype=np.float64)
        spread = states.std(axis=0, dtype=np.float64)
        still = spread <= _ROUNDING * np.maximum(np.abs(mean), np.finfo(np.float32).tiny)
        inverse = np.where(still, 0.0, 1 / np.where(still, 1.0, spread))
        z = ((states - mean) * inverse).astype(np.float32)
        variances, directions = np.linalg.eigh((z.T @ z).astype(np.float64) / len(z))
        first = np.argsort(-variances, kind="stable")[:most]
        first = first[variances[first] > max(variances.max(), 0.0) * 1e-6]
        whitened = directions[:, first] / np.sqrt(variances[first])
        return cls(mean, inverse[:, None] * whitened)

    def first(self, components: int) -> Projection:
        """Return the projection on fewer components."""
        return Projection(self.mean, self.basis[:, :components])

    def __call__(self, states: Array) -> NDArray[np.float32]:
        """Project states (n, width) to (n, components)."""
        return np.asarray((states - self.mean) @ self.basis, dtype=np.float32)

    def unfold(
        self, weights: NDArray[np.float64], bias: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Turn a linear map of the components into the same map of the states themselves.

        Args:
            weights: Shape (components, outputs).
            bias: Shape (outputs,).
        """
        raw = self.basis @ weights
        return raw, bias - self.mean @ raw


def logistic_path(
    z: NDArray[np.float32],
    target: NDArray[np.float64],
    penalties: Sequence[float],
    start: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Fit a probe for each penalty; each starts where the one before ended.

    Args:
        z: Shape (n, components).
        target: In [0, 1], shape (n,).
        penalties: Strongest first, > 0.
        start: Solutions to start from, of the shape of the result; None starts from scratch.

    Returns:
        Weights and, last, the bias, shape (penalties, components + 1).
    """
    design = np.column_stack([z, np.ones(len(z), dtype=np.float32)])
    soft = target.astype(np.float32)
    beta = np.zeros(design.shape[1])
    rows = []
    for number, penalty in enumerate(penalties):
        solve = _newton if design.shape[1] < _WIDE else _descend
        beta = solve(design, soft, penalty, beta if start is None else start[number])
        rows.append(beta)
    return np.array(rows)


def logits_apart(
    z: NDArray[np.float32],
    target: NDArray[np.float64],
    penalties: Sequence[float],
    fold: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Logits that probes fitted to the other folds give each question, shape (penalties, n)."""
    # What all folds lead to together is near to what each of them leads to.
    whole = logistic_path(z, target, penalties)
    out = np.empty((len(penalties), len(z)))
    for number in range(int(fold.max()) + 1):
        rest, test = fold != number, fold == number
        betas = logistic_path(z[rest], target[rest], penalties, start=whole)
        out[:, test] = betas[:, :-1] @ z[test].T + betas[:, -1:]
    return out


def cross_entropies(logits: Array, target: Array) -> NDArray[np.float64]:
    """Mean binary cross-entropy in nats of logits (..., n) against targets in [0, 1]."""
    return np.asarray(np.mean(np.logaddexp(0, logits) - target * logits, axis=-1))


def check_width(states: Array, width: int) -> None:
    """Check that states (..., width) are as wide as those that were learned from.

    Raises:
        DataError: they are not.
    """
    if states.shape[-1] != width:
        raise DataError(
            f"hidden states of width {states.shape[-1]} were given to what learned from {width}.",
            hint="Give those of the model that the gate was fitted for.",
        )


def _newton(
    design: NDArray[np.float32],
    target: NDArray[np.float32],
    penalty: float,
    beta: NDArray[np.float64],
) -> NDArray[np.float64]:
    ridge = np.append(np.full(design.shape[1] - 1, penalty), 0.0)
    loss = _loss(design, target, ridge, beta)
    for _ in range(_STEPS):
        p = 0.5 * (1 + np.tanh(design @ (beta / 2).astype(np.float32)))
        gradient = (design.T @ (p - target)).astype(np.float64) / len(design) + ridge * beta
        curvature = (design.T * (p * (1 - p))) @ design
        # The bias has no penalty of its own, and no curvature where all is certain.
        hessian = curvature.astype(np.float64) / len(design) + np.diag(ridge + 1e-6)
        step = np.linalg.solve(hessian, gradient)
        size, after = 1.0, _loss(design, target, ridge, beta - step)
        while after > loss and size > 1e-3:
            size /= 2
            after = _loss(design, target, ridge, beta - size * step)
        if after >= loss:
            break
        beta, fallen, loss = beta - size * step, loss - after, after
        if fallen < 1e-7:
            break
    return beta


def _descend(
    design: NDArray[np.float32],
    target: NDArray[np.float32],
    penalty: float,
    beta: NDArray[np.float64],
) -> NDArray[np.float64]:
    from scipy.optimize import minimize

    ridge = np.append(np.full(design.shape[1] - 1, penalty), 0.0)

    def fall(beta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = (design @ beta.astype(np.float32)).astype(np.float64)
        gap = 0.5 * (1 + np.tanh(logits / 2)) - target
        gradient = (design.T @ gap.astype(np.float32)).astype(np.float64) / len(design)
        loss = float(cross_entropies(logits, target) + 0.5 * ridge @ beta**2)
        return loss, gradient + ridge * beta

    options = {"maxiter": 300, "ftol": 1e-8, "gtol": 1e-6}
    found = minimize(fall, beta, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x, dtype=np.float64)


def _loss(
    design: NDArray[np.float32],
    target: NDArray[np.float32],
    ridge: NDArray[np.float64],
    beta: NDArray[np.float64],
) -> float:
    logits = design @ beta.astype(np.float32)
    return float(cross_entropies(logits.astype(np.float64), target) + 0.5 * ridge @ beta**2)
