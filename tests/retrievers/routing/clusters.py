"""Questions of fields that lie apart: unit vectors around axes of a small space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rag_router.retrievers import Query
from rag_router.retrievers.routing.lesson import RouteLesson

__all__ = ["around", "asked", "lesson"]

_AXES = {"law": 0, "news": 1, "sport": 2, "wiki": 3}


def around(field: str, count: int, *, spread: float = 0.15, seed: int = 0) -> NDArray[np.float32]:
    """Draw unit vectors near the axis of a field, shape (count, 6)."""
    random = np.random.default_rng([seed, _AXES[field]])
    vectors = spread * random.normal(size=(count, 6))
    vectors[:, _AXES[field]] += 1
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def lesson(counts: dict[str, int], **more: object) -> RouteLesson:
    """So many questions of each field."""
    return RouteLesson(
        vectors=np.concatenate([around(field, count) for field, count in counts.items()]),
        fields=tuple(field for field, count in counts.items() for _ in range(count)),
        **more,
    )


def asked(field: str, count: int) -> list[Query]:
    """Questions that nobody learned from."""
    return [Query(f"{field} {n}", v) for n, v in enumerate(around(field, count, seed=1))]
