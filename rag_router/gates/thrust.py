"""Thrust: how near a question lies to what the model has seen, and how much to one side.

Zhao et al. 2023, "Thrust: adaptively propels large language models with external knowledge"
(NeurIPS 2023, arXiv 2307.10442). Questions that were seen are clustered by k-means, and every
cluster C_k with centroid m_k pulls at the question's hidden state f(q) like gravity:

    s(q) = | 1/(N K)  sum_k  |C_k| / |d_k|^2  d_k / |d_k| |_2 ,      d_k = m_k - f(q)

It is high near one large cluster; it is low far from all of them, and where they pull to several
sides at once. This is the form for open-domain questions, N = 1: all seen questions are clustered
together, whether the model knew the answer or not, K = max(ceil(n^(1/4)), 3). The state is the
last layer's at the last token, for models that only decode; the released code reads the first
token of a decoder that has seen nothing else, which we take for a slip. A logistic curve over
log s gives `p_know` (Platt 1999). Where questions differ less by what is known than by what they
are about, this score says little; `thrust_contrast` is our remedy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import UnavailableError
from rag_router.gates.base import Lesson
from rag_router.gates.layer import LayerGate
from rag_router.gates.learned import scores_apart

__all__ = ["ThrustGate", "cluster_count", "find_clusters", "log_thrust", "thrust"]

_NEAREST: Final = 1e-6
_FAINTEST: Final = 1e-30


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ThrustGate(LayerGate):
    """Retrieve when the question lies far from all that the model has seen.

    Until it is fitted, `p_know` is 0.5.

    Args:
        threshold: Retrieve when `p_know` is below it, in [0, 1]. None takes the fitted one, or
            0.5: more likely wrong than right.
        arrays: What was learned; empty until fitted.
        layer: Which layer is read, 0 being the embedding; none takes the last, as published.
        clusters: How many clusters; none takes the fourth root of the number of questions,
            rounded up, and at least 3.
    """

    clusters: Annotated[int, Field(ge=1)] | None = None

    options_kept: ClassVar[tuple[str, ...]] = ("layer", "clusters")

    def taught(self, lesson: Lesson) -> Mapping[str, NDArray[Any]]:
        centroids, sizes = find_clusters(lesson.features, self._count(lesson), lesson.seed)
        return {"centroids": centroids.astype(np.float32), "sizes": sizes}

    def learn(self, lesson: Lesson) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.float64]]:
        # A fold has fewer questions; with fewer clusters its scores would be on another scale.
        sized = replace(self, clusters=self._count(lesson))
        return self.taught(lesson), scores_apart(sized, lesson)

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log Thrust for each seen question, so that it is the same for more of the same kind."""
        centroids, sizes = self.arrays["centroids"], self.arrays["sizes"]
        return log_thrust(features, centroids, sizes) - math.log(sizes.sum())

    def figures(self, features: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """Thrust as it was published, and how near the nearest centroid is."""
        centroids, sizes = self.arrays["centroids"], self.arrays["sizes"]
        distances = [np.linalg.norm(features - centroid, axis=1) for centroid in centroids]
        return {
            "thrust": np.exp(log_thrust(features, centroids, sizes)),
            "nearest": np.min(distances, axis=0),
        }

    def _count(self, lesson: Lesson) -> int:
        return self.clusters or cluster_count(len(lesson.right))


def thrust(
    states: NDArray[np.float64], centroids: NDArray[Any], sizes: NDArray[Any]
) -> NDArray[np.float64]:
    """Thrust of each question.

    Args:
        states: Hidden states of the questions, shape (n, width).
        centroids: Of the clusters of all classes, shape (N K, width).
        sizes: How many seen questions each has, shape (N K,).

    Returns:
        Shape (n,), >= 0. A centroid at the question itself pulls to no side.
    """
    pull = np.zeros_like(states, dtype=np.float64)
    for centroid, size in zip(centroids.astype(np.float64), sizes, strict=True):
        difference = centroid - states
        distance = np.maximum(np.linalg.norm(difference, axis=1, keepdims=True), _NEAREST)
        pull += size / distance**2 * (difference / distance)
    return np.asarray(np.linalg.norm(pull, axis=1) / len(centroids))


def log_thrust(
    states: NDArray[np.float64], centroids: NDArray[Any], sizes: NDArray[Any]
) -> NDArray[np.float64]:
    """Natural logarithm of Thrust, finite where all pulls cancel out."""
    return np.asarray(np.log(np.maximum(thrust(states, centroids, sizes), _FAINTEST)))


def cluster_count(questions: int) -> int:
    """K = max(ceil(n^(1/4)), 3)."""
    # A fourth root that is a whole number must not come out a trifle above it.
    return max(math.ceil(math.sqrt(math.sqrt(questions)) - 1e-9), 3)


def find_clusters(
    states: NDArray[np.float64], count: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cluster hidden states by k-means.

    Args:
        states: Shape (n, width).
        count: How many clusters; never more than there are distinct states.
        seed: Of the first centroids.

    Returns:
        Centroids (clusters, width), and how many states each has.

    Raises:
        UnavailableError: scikit-learn is not installed.
    """
    try:
        from sklearn.cluster import KMeans
    except ImportError as exc:
        raise UnavailableError(
            "clustering needs scikit-learn.", hint="Run: pip install 'rag-router[eval]'"
        ) from exc
    count = min(count, len(np.unique(states, axis=0)))
    found = KMeans(count, random_state=seed, n_init=1).fit(states)
    sizes = np.bincount(found.labels_, minlength=count)
    return np.asarray(found.cluster_centers_), sizes.astype(np.float64)
