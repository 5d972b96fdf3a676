"""Fitting a router among experts on one half of the questions, and judging it on the other.

Which question belongs where is decided by a hash of its id, so that the split never moves.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact, Card
from rag_router.errors import DataError
from rag_router.eval.datasets import data_hash
from rag_router.eval.expert_outcomes import OutcomeMatrix
from rag_router.eval.expert_routing import halves_of, judge_router
from rag_router.eval.halves import require_enough
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.eval.metrics.routing import best_single, routing_figures
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.loading import METHOD

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["fit_expert_router"]


def fit_expert_router(
    router: LearnedExpertRouter,
    matrix: OutcomeMatrix,
    vectors: NDArray[np.float32],
    embedder: Embedder,
    *,
    seed: int = 0,
) -> Artefact:
    """Fit a router.

    Args:
        router: With its options.
        matrix: Who answered which question rightly.
        vectors: Embeddings of the questions, shape (n, dimension).
        embedder: What made them.
        seed: Of the split and of what is drawn.

    Raises:
        DataError: there are too few questions, or the matrix lacks what the router learns from.
    """
    require_enough(len(matrix))
    train, held = halves_of(matrix, seed)
    if not len(held):
        raise DataError("no question is left to judge the router on.", hint="Give more of them.")
    fitted = router.fit(matrix.rows(train).lesson(vectors[train], seed=seed))
    judged = matrix.rows(held)
    routed = judge_router(fitted, judged, vectors[held], seed=seed)
    rows = np.arange(len(judged))
    best = best_single(judged.right, judged.cost)
    gap = Bootstrap().mean_difference(judged.right[rows, routed.choices], judged.right[:, best])
    figures = routing_figures(routed.choices, judged.right, judged.cost)
    card = Card(
        method=f"{METHOD}{router.called}",
        model=embedder.name,
        model_fingerprint=embedder.fingerprint,
        data_hash=data_hash(matrix.questions),
        date=datetime.now(UTC).date().isoformat(),
        metrics={
            **{name: round(value, 4) for name, value in figures.items()},
            "best_single_accuracy": round(float(judged.right[:, best].mean()), 4),
            "above_best_single": round(gap.value, 4),
            "above_best_single_low": round(gap.low, 4),
            "above_best_single_high": round(gap.high, 4),
            "ms_per_question": round(routed.ms, 3),
        },
        notes={
            **fitted.options,
            "best_single": matrix.experts[best],
            "train": len(train),
            "held_out": len(held),
            "seed": seed,
        },
    )
    return Artefact(card=card, weights=fitted.learned)
