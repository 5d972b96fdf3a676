"""Teaching `granular` which granularity a question needs, from questions with known answers.

Labels and network are those of Mix-of-Granularity (arXiv 2406.00456): see
`rag_router.retrievers.granularity_router`. What a question should lead to is its gold passage, or
else the question with its answer. A fifth of the questions is held out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from rag_router.artefacts import Artefact, Card
from rag_router.eval.datasets import data_hash
from rag_router.indices.contents import searchable
from rag_router.indices.granularity import LEVELS
from rag_router.retrievers.granularity_router import METHOD, fit_granularity, soft_label
from rag_router.retrievers.levels import Levels, levels_of
from rag_router.types import Question

if TYPE_CHECKING:
    from rag_router.indices.index import Index
    from rag_router.models.base import Embedder

__all__ = ["fit_granular", "granular_labels"]

_HELD_OUT = 5


def granular_labels(
    levels: Levels,
    questions: Sequence[Question],
    embedder: Embedder,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[tuple[float, ...] | None]:
    """Say of each question which granularities it needs; None where too little was found.

    Args:
        levels: The index at all granularities.
        questions: With gold passages or answers.
        embedder: Tells how near the best chunk of each level is to what was wanted.
        on_progress: Told how many questions are done.
    """
    labels = []
    for done, question in enumerate(questions):
        on_progress(done, len(questions))
        chunks: list[str | None] = []
        for level in range(LEVELS):
            best = levels.search(question.text, level, 1, None)
            passage = levels.passage(level, best[0].row, None) if best else None
            chunks.append(searchable(passage.title, passage.text) if passage else None)
        found = list(dict.fromkeys(chunk for chunk in chunks if chunk is not None))
        vectors = embedder.encode_passages([_wanted(question), *found])
        near = dict(zip(found, (vectors[1:] @ vectors[0]).tolist(), strict=True))
        labels.append(soft_label([None if c is None else near[c] for c in chunks]))
    on_progress(len(questions), len(questions))
    return labels


def fit_granular(
    index: Index,
    embedder: Embedder,
    questions: Sequence[Question],
    *,
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Artefact:
    """Fit the router of `granular` for an index.

    The card says on which share of the held-out questions the router names the level that is
    best by its label, and on which share the level that is best most often would be.

    Raises:
        DataError: too few questions lead to anything.
    """
    labels = granular_labels(levels_of(index)[0], questions, embedder, on_progress)
    told = [(question, label) for question, label in zip(questions, labels, strict=True) if label]
    order = np.random.default_rng(seed).permutation(len(told))
    held, taught = order[: len(told) // _HELD_OUT], order[len(told) // _HELD_OUT :]
    vectors = embedder.encode_queries([question.text for question, _ in told])
    wanted = [label for _, label in told]
    router = fit_granularity(vectors[taught], [wanted[row] for row in taught], seed=seed)
    best = [int(np.argmax(label)) for label in wanted]
    usual = Counter(best[row] for row in taught).most_common(1)[0][0]
    agreed = [int(np.argmax(router.weights(vectors[row]))) == best[row] for row in held]
    card = Card(
        method=METHOD,
        model=embedder.name,
        model_fingerprint=embedder.fingerprint,
        data_hash=data_hash(questions),
        date=datetime.now(UTC).date().isoformat(),
        metrics={
            "agreement": float(np.mean(agreed)),
            "most_frequent": float(np.mean([best[row] == usual for row in held])),
        },
        notes={
            "index": index.name,
            "train": len(taught),
            "held_out": len(held),
            "left_out": len(questions) - len(told),
            "best_levels": {str(level + 1): best.count(level) for level in range(LEVELS)},
            "seed": seed,
        },
    )
    return router.to_artefact(card)


def _wanted(question: Question) -> str:
    gold = [p for p in question.contexts if p.meta.get("is_gold")]
    if gold:
        return "\n".join(passage.text for passage in gold)
    return " ".join([question.text, *question.answers[:1]])
