"""Fitting P(the kept passages together hold the answer) on what is really found and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import auroc, brier_score, expected_calibration_error
from rag_router.eval.datasets import data_hash
from rag_router.eval.halves import halves, require_both_classes
from rag_router.experts import Expert
from rag_router.filters import Filter, FilterContext, run_filters
from rag_router.filters.learned_of import bound_to
from rag_router.filters.sufficiency import SufficiencyFilter
from rag_router.models.base import Embedder
from rag_router.retrievers import Retriever, Searchable, make_queries
from rag_router.scoring import holds_answer
from rag_router.signals import Board, Partners
from rag_router.types import Question

__all__ = ["fit_sufficiency"]

OnProgress = Callable[[int, int], None]


def fit_sufficiency(
    one: SufficiencyFilter,
    chain: Sequence[Filter],
    questions: Sequence[Question],
    *,
    embedder: Embedder,
    retriever: Retriever,
    indices: Sequence[Searchable],
    expert: Expert | None = None,
    seed: int = 0,
    batch_size: int = 16,
    on_progress: OnProgress | None = None,
) -> Artefact:
    """Fit the curve from what the chain keeps to P(it holds an accepted answer).

    Args:
        one: The filter with its options.
        chain: The filters before it, fitted, as they are used.
        questions: Questions with answers, at least 50.
        embedder: Embeds the questions; the supports are those of its cosines.
        retriever: Finds the passages.
        indices: Where it looks.
        expert: Reads passages alone, and counts tokens; None where no filter asks a generator,
            and then tokens are the embedder's.
        seed: Of the split.
        batch_size: Questions at a time.
        on_progress: Hears (done, all).

    Raises:
        DataError: too few questions, or in a half only one class.
        SettingsError: a filter asks the generator, and none was given.
    """
    figures: list[tuple[float, ...] | None] = []
    best: list[float] = []
    holds: list[bool] = []
    for at in range(0, len(questions), batch_size):
        batch = questions[at : at + batch_size]
        texts = [question.text for question in batch]
        hits = retriever.retrieve(make_queries(texts, embedder), indices)
        context = _context(expert, embedder, batch, batch_size)
        found = run_filters(chain, texts, hits, context, strict=True)
        figures += one.figures(texts, [line.judged for line in found], context)
        for question, line in zip(batch, found, strict=True):
            best.append(line.support or 0.0)
            kept = (j.hit.passage.text for j in line.kept)
            holds.append(any(holds_answer(text, question.answers) for text in kept))
        if on_progress is not None:
            on_progress(at + len(batch), len(questions))
    train, held = halves(questions, seed)
    # Where nothing is kept there is nothing to learn: the support is 0 without a curve.
    told = np.array([one is not None for one in figures], dtype=bool)
    train, held = (half[told[half]] for half in halves(questions, seed))
    right = np.array(holds, dtype=bool)
    require_both_classes(right, train, held, kinds=("with", "without"))
    fitted = one.fit([figures[row] or () for row in train], right[train].tolist())
    p = [fitted.support(figures[row] or ()) for row in held]
    bound = bound_to(one, embedder, expert)
    assert bound is not None, "the embedder is at hand, and an expert where one was asked"
    card = Card(
        method="filter/sufficiency",
        model=bound.name,
        model_fingerprint=bound.model,
        prompt_hash=bound.prompt or "",
        data_hash=data_hash(questions),
        date=datetime.now(UTC).date().isoformat(),
        metrics={
            **_figures("", p, right[held].tolist()),
            **_figures("best_passage_", [best[row] for row in held], right[held].tolist()),
            "base_rate": round(float(right[held].mean()), 4),
            "n": float(len(held)),
        },
        notes={
            "chain": [type(filter_).__name__ for filter_ in chain],
            "train": len(train),
            "held_out": len(held),
            "seed": seed,
        },
    )
    return fitted.to_artefact(card)


def _context(
    expert: Expert | None, embedder: Embedder, questions: Sequence[Question], batch_size: int
) -> FilterContext:
    if expert is None:
        return FilterContext(lambda text: embedder.count_tokens([text])[0])
    model = expert.model
    board = Board(
        model,
        expert.style,
        questions,
        batch_size=batch_size,
        partners=Partners(embedder=embedder),
    )
    return FilterContext(
        lambda text: len(model.encode(text, begin=False)), board, tuple(range(len(questions)))
    )


def _figures(name: str, p: Sequence[float], right: Sequence[bool]) -> dict[str, float]:
    return {
        f"{name}auroc": round(auroc(p, right), 4),
        f"{name}brier": round(brier_score(p, right), 4),
        f"{name}ece": round(expected_calibration_error(p, right), 4),
    }
