"""How much of what a flat search finds an approximate one finds.

Stored vectors are poor questions: each lies in the midst of its neighbours, where a walk begins to
end. Real questions lie apart from all passages, and are harder. So each question is a stored vector
turned away, in a direction drawn at random, until its cosine to it is that of a question to a
passage which answers it; over a million Wikipedia passages, recall of such questions and of
people's comes out alike at every effort. A passage counts as found when it is as near as the last
of the true ones: of equal vectors, any will do.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from rag_router.indices.vectors.base import Vectors, exact_search

__all__ = ["Sample", "recall_of"]

QUESTIONS: Final = 200
DEPTH: Final = 10
NEARNESS: Final = 0.65
"""Cosine of a question and a passage that answers it, as sentence embedders commonly have it."""

_SEED: Final = 0
_EQUAL: Final = 1e-5
"""Two ways of adding up the same cosine differ by less."""


class Sample:
    """Questions near stored vectors, and how near the last of their ten nearest is.

    The same vectors give the same questions.
    """

    def __init__(self, vectors: Vectors) -> None:
        random = np.random.default_rng(_SEED)
        count = min(QUESTIONS, len(vectors))
        stored = vectors.rows(np.sort(random.choice(len(vectors), count, replace=False)))
        away = random.standard_normal(stored.shape)
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        turned = NEARNESS * stored + math.sqrt(1 - NEARNESS**2) * away
        turned /= np.linalg.norm(turned, axis=1, keepdims=True)
        self.queries = turned.astype(np.float32)
        self.depth = min(DEPTH, len(vectors))
        scores, _ = exact_search(vectors, self.queries, self.depth, np.arange(len(vectors)))
        self.bars = scores[:, -1:] - _EQUAL

    def __len__(self) -> int:
        return len(self.queries)


def recall_of(vectors: Vectors, sample: Sample) -> float:
    """Return the share of true neighbours that `vectors` finds, in [0, 1]."""
    scores, _ = vectors.search(sample.queries, sample.depth)
    return float((scores >= sample.bars).mean()) if scores.size else 1.0
