"""A map of states in which those of one kind lie together and the others far off (Rep-Con).

Zeng et al. 2025, "Towards knowledge checking in retrieval-augmented generation: a representation
perspective" (NAACL 2025, arXiv 2411.14572). A perceptron f is trained on

    L = 1/2 |f(v+_i) - f(v+_k)|^2  +  max(0, m - |f(v+_i) - f(v-_j)|^2),

and a state is scored by its mean cosine to those of the first kind, mean_i cos(f(v), f(v+_i)),
which is the product of f(v)'s unit vector with the mean of theirs, so that this mean is all that
needs to be kept of them. Margin, sizes and depth are not stated in the paper; ours are m = 1, one
hidden layer of 32 units and 8 outputs, on 64 principal components of equal variance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from rag_router.learning.perceptron import Perceptron, train
from rag_router.learning.probes import Projection

__all__ = ["artanh", "contrastive_loss", "contrastive_map", "mean_cosines"]

_COMPONENTS: Final = 64
_MARGIN: Final = 1.0
_HIDDEN, _OUTPUTS, _STEPS, _BATCH, _DECAY = 32, 8, 300, 256, 3.0
_SHORTEST: Final = 1e-12
_FURTHEST: Final = 1 - 1e-6  # of the cosines; their artanh stays below 8


def contrastive_map(
    states: NDArray[np.float64], first: NDArray[np.bool_], *, seed: int
) -> dict[str, NDArray[Any]]:
    """Train the map; return its arrays, the mean of the first kind's unit vectors among them.

    Args:
        states: Shape (n, width).
        first: Which of them are of the first kind, shape (n,).
        seed: Of everything that is drawn.
    """
    projection = Projection.of(states, _COMPONENTS)
    z = torch.from_numpy(projection(states))
    known, unknown = z[first], z[~first]

    def loss(forward: Any, draw: torch.Generator) -> torch.Tensor:
        one, two, other = (
            forward(rows[torch.randint(len(rows), (_BATCH,), generator=draw)])
            for rows in (known, known, unknown)
        )
        return contrastive_loss(one, two, other, _MARGIN)

    trained = train(
        loss,
        width=z.shape[1],
        hidden=_HIDDEN,
        outputs=_OUTPUTS,
        steps=_STEPS,
        seed=seed,
        decay=_DECAY,
    ).behind(projection)
    return {**trained.arrays(), "centre": _unit(trained(states[first])).mean(axis=0)}


def mean_cosines(
    arrays: Mapping[str, NDArray[Any]], states: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean cosine of each state's image to those of the first kind, in [-1, 1], shape (n,)."""
    return np.asarray(_unit(Perceptron.of(arrays)(states)) @ arrays["centre"])


def artanh(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread out cosines, which a well trained map crowds at the ends of their range."""
    return np.arctanh(np.clip(cosines, -_FURTHEST, _FURTHEST))


def contrastive_loss(
    one: torch.Tensor, two: torch.Tensor, other: torch.Tensor, margin: float
) -> torch.Tensor:
    """Mean over rows of 1/2 |one - two|^2 + max(0, margin - |one - other|^2).

    Args:
        one: f of states of the first kind, shape (rows, outputs).
        two: f of states of the first kind again.
        other: f of states of the other kind.
        margin: From which squared distance on the two kinds are far enough apart.
    """
    together = (one - two).square().sum(dim=1)
    apart = (one - other).square().sum(dim=1)
    return (together / 2 + (margin - apart).clamp(min=0)).mean()


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, _SHORTEST))
