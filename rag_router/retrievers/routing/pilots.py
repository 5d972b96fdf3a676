"""RouterRetriever: a small library of pilot embeddings for each expert.

Lee et al. 2025, "RouterRetriever: routing over a mixture of expert embedding models" (AAAI 2025,
arXiv 2409.02685), algorithm 1. Questions of each training set D_i are grouped by the expert that
did best on them; the centroid of a group is a pilot of that expert:

    s(e, q) = mean over pilots p of e: cos(q, p)        e* = argmax_e s(e, q)

Differences from the paper: the similarities go through a curve for each expert, so that an expert
whose questions lie close together has no advantage and experts that are added change nothing for
the others (a new expert takes no pilots from theirs). Where nobody searched, the best expert of a
question is the one whose field it is from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.retrievers.routing.learned import LearnedRouter, Taught
from rag_router.retrievers.routing.lesson import RouteLesson

__all__ = ["PilotsRouter", "centroids", "cosines"]

_ROUNDS = 100


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PilotsRouter(LearnedRouter):
    """Ask the expert whose pilots are nearest on average (RouterRetriever).

    Args:
        fewest: Labelled questions that an expert needs, >= 10.
        kept: Most labelled questions to learn from and keep, of each expert.
        arrays: What was learned; empty until fitted.
        pilots: Centroids of each group of questions; one was best in the paper.
    """

    pilots: Annotated[int, Field(ge=1, le=100)] = 1

    options_kept: ClassVar[tuple[str, ...]] = ("pilots",)

    def labels(self, lesson: RouteLesson) -> tuple[str | None, ...]:
        return lesson.best() if lesson.found else lesson.fields

    def taught(self, lesson: Taught) -> Mapping[str, NDArray[Any]]:
        groups = []
        for field in sorted(set(lesson.fields)):
            rows = [row for row, of in enumerate(lesson.fields) if of == field]
            groups.append(centroids(lesson.own[rows], self.pilots))
        return {"pilots": np.concatenate(groups)}

    def score(
        self, learned: Mapping[str, NDArray[Any]], vectors: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return np.asarray(cosines(vectors, learned["pilots"]).mean(axis=1))


def centroids(vectors: NDArray[np.float64], count: int, *, seed: int = 42) -> NDArray[np.float64]:
    """Find `count` centroids by k-means, Lloyd's rounds from k-means++ beginnings.

    Arthur and Vassilvitskii 2007, "k-means++: the advantages of careful seeding".

    Args:
        vectors: Shape (n, dimension), n >= 1.
        count: How many; fewer come back where there are fewer vectors.
        seed: Of the beginnings.

    Returns:
        Shape (<= count, dimension), not of unit length. One centroid is the arithmetic mean.
    """
    random = np.random.default_rng(seed)
    chosen = [vectors[random.integers(len(vectors))]]
    for _ in range(min(count, len(vectors)) - 1):
        gaps = np.min([((vectors - one) ** 2).sum(axis=1) for one in chosen], axis=0)
        if not gaps.sum() > 0:
            break
        chosen.append(vectors[random.choice(len(vectors), p=gaps / gaps.sum())])
    found = np.stack(chosen)
    for _ in range(_ROUNDS):
        gaps = ((vectors[:, None] - found[None]) ** 2).sum(axis=2)
        nearest = gaps.argmin(axis=1)
        # A centroid that nobody is nearest to stays where it is.
        moved = np.stack(
            [
                vectors[nearest == n].mean(axis=0) if (nearest == n).any() else found[n]
                for n in range(len(found))
            ]
        )
        if np.array_equal(moved, found):
            break
        found = moved
    return found


def cosines(vectors: NDArray[np.float64], pilots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cosine of each question and each pilot, shape (questions, pilots)."""
    length = np.linalg.norm(pilots, axis=1, keepdims=True)
    turned = pilots / np.where(length > 0, length, 1.0)
    # Not a matrix product: that adds up in another order where there are more rows.
    return np.stack([(vectors * pilot).sum(axis=1) for pilot in turned], axis=1)
