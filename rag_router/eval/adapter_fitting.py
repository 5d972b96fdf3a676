"""What an adapter brings: an expert's answers from memory before and after, and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from rag_router.artefacts import Card
from rag_router.eval.adapter_lessons import AdapterLessons
from rag_router.eval.answers import AnswerFigures
from rag_router.eval.datasets import data_hash
from rag_router.eval.metrics.bootstrap import Bootstrap
from rag_router.experts import Expert
from rag_router.models.adapter_folders import ADAPTER_METHOD
from rag_router.models.adapter_settings import AdapterTraining
from rag_router.models.adapter_training import TrainedAdapter
from rag_router.types import Question

__all__ = ["adapter_card", "adapter_gain", "training_identity"]


def training_identity(
    expert: Expert, questions: Sequence[Question], *, passages: bool
) -> dict[str, str]:
    """What a training depends on besides its settings, in words."""
    return {
        "base model": expert.model.fingerprint,
        "prompt": prompt_of(expert, passages=passages),
        "questions": data_hash(questions),
        "passages": str(passages),
    }


def prompt_of(expert: Expert, *, passages: bool) -> str:
    """Hash of what is fixed in the prompts that were learned."""
    return expert.style.contextual_fingerprint if passages else expert.style.fingerprint


def adapter_gain(before: AnswerFigures, after: AnswerFigures) -> dict[str, float]:
    """Figures of the same questions before and after, with bootstrap intervals of 95 %.

    `accuracy_base` is without the adapter, `accuracy` with it, and `gain` their difference, paired
    by question; `em` and `f1` likewise.
    """
    bootstrap = Bootstrap()
    base, new = (np.array(one.right, dtype=np.float64) for one in (before, after))
    gain = bootstrap.mean_difference(new, base)
    figures: dict[str, float] = {"n": len(base)}
    for name, values in (("accuracy_base", base), ("accuracy", new)):
        ends = bootstrap.mean(values)
        figures |= {name: ends.value, f"{name}_low": ends.low, f"{name}_high": ends.high}
    figures |= {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high}
    figures |= {"em_base": before.em, "em": after.em, "f1_base": before.f1, "f1": after.f1}
    return {name: round(value, 4) for name, value in figures.items()}


def adapter_card(
    name: str,
    expert: Expert,
    questions: Sequence[Question],
    *,
    lessons: AdapterLessons,
    trained: TrainedAdapter,
    metrics: Mapping[str, float],
    training: AdapterTraining,
    passages: bool = False,
    notes: Mapping[str, Any] | None = None,
) -> Card:
    """Describe an adapter.

    Args:
        name: Of the expert.
        expert: Over which it lies.
        questions: All that were given.
        lessons: How they were split.
        trained: What training made.
        metrics: Figures on the held-out questions.
        training: How it was trained.
        passages: Whether passages were learned from too.
        notes: Anything else.
    """
    first, kept = (
        next(one for one in trained.judgements if one.step == step) for step in (0, trained.best)
    )
    return Card(
        method=ADAPTER_METHOD,
        model=expert.name,
        model_fingerprint=expert.model.fingerprint,
        # Whatever it learned besides, questions alone are what it is asked first.
        prompt_hash=expert.style.fingerprint,
        data_hash=data_hash(questions),
        date=datetime.now(UTC).date().isoformat(),
        metrics={
            **metrics,
            "loss_base": round(first.loss, 4),
            "loss": round(kept.loss, 4),
            "exact_base": round(first.exact, 4),
            "exact": round(kept.exact, 4),
        },
        notes={
            "expert": name,
            "form": expert.style.form,
            "learned_from": lessons.learned,
            "kept_apart": len(lessons.judged),
            "held_out": len(lessons.held),
            "too_long": len(lessons.too_long),
            "passages": passages,
            "training": training.identity,
            "precision": trained.precision,
            "best_step": trained.best,
            "steps": trained.steps,
            "planned_steps": trained.planned,
            "seconds": round(trained.seconds, 1),
            "curve": [
                {
                    "step": one.step,
                    "learned": round(one.learned, 4),
                    "loss": round(one.loss, 4),
                    "exact": round(one.exact, 4),
                }
                for one in trained.judgements
            ],
            **(notes or {}),
        },
    )
