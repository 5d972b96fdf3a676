"""Fitting gates on right and wrong answers, filters and decoders on what is really found.

Everything is fitted on one half of the questions and judged on the other; which question
belongs where is decided by a hash of its id, so that the split never moves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import (
    auroc,
    brier_score,
    expected_calibration_error,
)
from rag_router.decoders.learning import FittedDecoder
from rag_router.eval.datasets import data_hash
from rag_router.eval.halves import halves, require_both_classes
from rag_router.eval.metrics.gates import equal_mass_bins
from rag_router.eval.thresholds import choose_threshold, parse_goal
from rag_router.experts import Expert
from rag_router.filters.threshold import ThresholdFilter
from rag_router.gates import FittedGate, Lesson, study
from rag_router.models.base import Embedder
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.policy import Sureness
from rag_router.retrievers import Retriever, Searchable, make_queries
from rag_router.scoring import alias_match, holds_answer
from rag_router.types import Question

__all__ = ["fit_gate", "fit_sureness", "fit_threshold", "out_of_fold"]

OnProgress = Callable[[int, int], None]


def fit_gate(
    name: str,
    gate: FittedGate,
    expert: Expert,
    questions: Sequence[Question],
    lesson: Lesson,
    *,
    goal: str = "even",
) -> Artefact:
    """Fit a gate for an expert.

    Args:
        name: What the gate is called.
        gate: The gate with its options.
        expert: Whose knowledge is judged.
        questions: Questions with answers, at least 50.
        lesson: What the gate reads off them, and what was right, in the same order.
        goal: What the threshold is chosen for; see `choose_threshold`.

    Raises:
        DataError: too few questions, or only one class.
        UsageError: the goal is unknown or cannot be reached.
    """
    train, held = halves(questions, lesson.seed)
    require_both_classes(lesson.right, train, held)
    taught = lesson.pick(train)
    # Where the threshold is given there is nothing to choose, and no need for five more fits.
    given = parse_goal(goal).name == "even"
    fitted, p = (gate.fit(taught), np.zeros(0)) if given else study(gate, taught)
    threshold = choose_threshold(goal, p, taught.right, taught.helped)
    judged = lesson.pick(held)
    p = fitted.probabilities(judged.features)
    above = p >= threshold
    known = judged.right[above]
    card = Card(
        method=f"gate/{name}",
        model=expert.name,
        model_fingerprint=expert.model.fingerprint,
        prompt_hash=expert.style.fingerprint,
        data_hash=data_hash(questions),
        date=_today(),
        metrics=_metrics(p, judged.right.tolist())
        | {"share_above_threshold": round(float(above.mean()), 4)}
        | _with_retrieval(judged, above)
        | ({"right_above_threshold": round(float(known.mean()), 4)} if len(known) else {}),
        threshold=threshold,
        threshold_goal=goal,
        notes={
            **fitted.options,
            **getattr(fitted, "notes", {}),
            "train": len(train),
            "held_out": len(held),
            "seed": lesson.seed,
            "reliability": [
                [round(b.confidence, 4), round(b.accuracy, 4), b.count]
                for b in equal_mass_bins(p, judged.right)
            ],
        },
    )
    return Artefact(card=card, weights=fitted.learned)


def out_of_fold(gate: FittedGate, lesson: Lesson, *, folds: int = 5) -> NDArray[np.float64]:
    """Let a gate judge each question without having learned from it.

    A probe is too sure of what it was fitted to; thresholds are chosen on these instead.

    Returns:
        P(the closed-book answer is right), shape (n,).
    """
    return study(gate, lesson, folds=folds)[1]


def fit_threshold(
    one: ThresholdFilter,
    embedder: Embedder,
    retriever: Retriever,
    indices: Sequence[Searchable],
    questions: Sequence[Question],
    *,
    min_support: float = 0.1,
    seed: int = 0,
    batch_size: int = 64,
    on_progress: OnProgress | None = None,
) -> Artefact:
    """Fit the curve from cosine to P(the passage holds the answer), on what is really retrieved.

    Args:
        one: The filter with its options.
        embedder: Whose cosines they are.
        retriever: Finds the passages.
        indices: Where it looks.
        questions: Questions with answers, at least 50.
        min_support: The threshold to ship.
        seed: Of the split.
        batch_size: Questions searched for at a time.
        on_progress: Hears (done, all).

    Raises:
        DataError: too few questions, or only one class.
    """
    similarity: list[float] = []
    helpful: list[bool] = []
    owner: list[int] = []
    for at in range(0, len(questions), batch_size):
        batch = questions[at : at + batch_size]
        found = retriever.retrieve(make_queries([q.text for q in batch], embedder), indices)
        for offset, (question, hits) in enumerate(zip(batch, found, strict=True)):
            for hit in (h for h in hits if h.similarity is not None):
                similarity.append(float(hit.similarity or 0.0))
                helpful.append(holds_answer(hit.passage.text, question.answers))
                owner.append(at + offset)
        if on_progress is not None:
            on_progress(at + len(batch), len(questions))
    train, held = (set(part.tolist()) for part in halves(questions, seed))
    rows = [i for i, o in enumerate(owner) if o in train]
    fitted = one.fit(_pick(similarity, rows), _pick(helpful, rows))
    rows = [i for i, o in enumerate(owner) if o in held]
    p = np.array([fitted.support(s) for s in _pick(similarity, rows)])
    card = Card(
        method="filter/threshold",
        model=embedder.name,
        model_fingerprint=embedder.fingerprint,
        data_hash=data_hash(questions),
        date=_today(),
        metrics=_metrics(p, _pick(helpful, rows)),
        threshold=min_support,
        threshold_goal="set",
        notes={"train": len(train), "held_out": len(held), "seed": seed},
    )
    return fitted.to_artefact(card)


def fit_sureness(
    orchestrator: Orchestrator,
    questions: Sequence[Question],
    *,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Artefact:
    """Fit P(right) of answers from passages, on what the whole pipeline answers.

    The orchestrator must not abstain, or the answers it is unsure of would be missing.

    Raises:
        DataError: too few questions, or only one class.
    """
    supports: list[float] = []
    logprobs: list[list[float]] = []
    right: list[bool] = []
    asked: list[Question] = []
    size = orchestrator.batch_size
    for at in range(0, len(questions), size):
        batch = questions[at : at + size]
        answers = orchestrator.answer(batch, Ask(retrieval="always", tokens=True))
        for question, answer in zip(batch, answers, strict=True):
            if answer.reason in ("contextual", "contrast") and answer.tokens:
                asked.append(question)
                supports.append(1.0 if answer.evidence.support is None else answer.evidence.support)
                logprobs.append([t.logprob for t in answer.tokens])
                right.append(alias_match(answer.claim, question.answers))
        if on_progress is not None:
            on_progress(at + len(batch), len(questions))
    train, held = (part.tolist() for part in halves(asked, seed))
    fitted = Sureness().fit(_pick(supports, train), _pick(logprobs, train), _pick(right, train))
    p = np.array(fitted(_pick(supports, held), _pick(logprobs, held)))
    expert = orchestrator.expert
    card = Card(
        method=f"decoder/{orchestrator.decoder_name}",
        model=expert.name,
        model_fingerprint=expert.model.fingerprint,
        prompt_hash=expert.style.contextual_fingerprint,
        data_hash=data_hash(asked),
        date=_today(),
        metrics=_metrics(p, _pick(right, held)),
        notes={"train": len(train), "held_out": len(held), "seed": seed},
    )
    sure = fitted.to_artefact(card)
    decoder = orchestrator.decoder
    # What the decoder itself learned stays with it: one folder is named for both.
    learned = decoder.learned if isinstance(decoder, FittedDecoder) else {}
    return replace(sure, weights={**learned, **sure.weights})


def _with_retrieval(judged: Lesson, above: NDArray[np.bool_]) -> dict[str, float]:
    """Share of right answers where everything is looked up, and where the gate decides."""
    if judged.helped is None:
        return {}
    gated = np.where(above, judged.right, judged.helped)
    return {
        "accuracy_always": round(float(judged.helped.mean()), 4),
        "accuracy_gated": round(float(gated.mean()), 4),
    }


def _metrics(p: np.ndarray[Any, Any], right: Sequence[bool]) -> dict[str, float]:
    return {
        "auroc": round(auroc(p, right), 4),
        "brier": round(brier_score(p, right), 4),
        "ece": round(expected_calibration_error(p, right), 4),
        "base_rate": round(float(np.mean(right)), 4),
        "n": float(len(right)),
    }


def _pick(values: Sequence[Any], rows: Sequence[int]) -> list[Any]:
    return [values[row] for row in rows]


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
