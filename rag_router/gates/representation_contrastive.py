"""Rep-Con: a map of hidden states in which known questions lie together.

Zeng et al. 2025, "Towards knowledge checking in retrieval-augmented generation: a representation
perspective" (NAACL 2025, arXiv 2411.14572). A perceptron f is trained to draw known questions
together and unknown ones away from them,

    L = 1/2 |f(v+_i) - f(v+_k)|^2  +  max(0, m - |f(v+_i) - f(v-_j)|^2),

and a question is scored by its mean cosine to the known ones,

    score(v) = mean_i cos(f(v), f(v+_i)),

which is the product of f(v)'s unit vector with the mean of theirs, so that this mean is all that
needs to be kept of them. Margin, sizes and depth are not stated in the paper; ours are m = 1, one
hidden layer of 32 units and 8 outputs, on 64 principal components of equal variance. A well trained
map crowds the cosines at the ends of their range, so a logistic curve over their cross-fitted
inverse hyperbolic tangents gives `p_know` (Platt 1999).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.gates.base import Lesson
from rag_router.gates.layer import LayerGate
from rag_router.gates.perceptron import Perceptron, train
from rag_router.gates.probes import Projection

__all__ = ["RepresentationContrastiveGate", "contrastive_loss"]

_COMPONENTS: Final = 64
_MARGIN: Final = 1.0
_HIDDEN, _OUTPUTS, _STEPS, _BATCH, _DECAY = 32, 8, 300, 256, 3.0
_SHORTEST: Final = 1e-12
_FURTHEST: Final = 1 - 1e-6  # of the cosines; their artanh stays below 8


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RepresentationContrastiveGate(LayerGate):
    """Retrieve when a learned map puts the question away from known ones.

    Until it is fitted, `p_know` is 0.5.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        layer: Which layer is read, 0 being the embedding; none takes the last, as published.
    """

    def taught(self, lesson: Lesson) -> Mapping[str, NDArray[Any]]:
        projection = Projection.of(lesson.features, _COMPONENTS)
        z = torch.from_numpy(projection(lesson.features))
        known, unknown = z[lesson.right], z[~lesson.right]

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
            seed=lesson.seed,
            decay=_DECAY,
        ).behind(projection)
        centre = _unit(trained(lesson.features[lesson.right])).mean(axis=0)
        return {**trained.arrays(), "centre": centre}

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The artanh of the mean cosine to the known questions."""
        return np.arctanh(np.clip(self._cosines(features), -_FURTHEST, _FURTHEST))

    def figures(self, features: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """The mean cosine."""
        return {"cosine": self._cosines(features)}

    def _cosines(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(_unit(Perceptron.of(self.arrays)(features)) @ self.arrays["centre"])


def contrastive_loss(
    one: torch.Tensor, two: torch.Tensor, other: torch.Tensor, margin: float
) -> torch.Tensor:
    """Mean over rows of 1/2 |one - two|^2 + max(0, margin - |one - other|^2).

    Args:
        one: f of known questions, shape (rows, outputs).
        two: f of known questions again.
        other: f of unknown questions.
        margin: From which squared distance on the two classes are far enough apart.
    """
    together = (one - two).square().sum(dim=1)
    apart = (one - other).square().sum(dim=1)
    return (together / 2 + (margin - apart).clamp(min=0)).mean()


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, _SHORTEST))
