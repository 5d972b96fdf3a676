"""Fitting gates on right and wrong answers, filters and decoders on what is really found.

Everything is fitted on three quarters of the questions and judged on the rest; which question
belongs where is decided by a hash of its id, so that the split never moves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import auroc, brier_score, expected_calibration_error
from rag_router.errors import DataError, UsageError
from rag_router.eval.datasets import data_hash, is_held_out
from rag_router.experts import Expert
from rag_router.filters.threshold import ThresholdFilter
from rag_router.gates import FittedGate, LabelledAnswer
from rag_router.models.base import Embedder
from rag_router.models.prompts import closed_book_prompt
from rag_router.orchestrator import Ask, Orchestrator
from rag_router.outcomes import Outcome, OutcomeCache, answer_prompts
from rag_router.policy import Sureness
from rag_router.retrievers import Retriever, Searchable, make_queries
from rag_router.scoring import alias_match, normalise
from rag_router.signals.first_token import FirstTokenFigures, first_token_figures
from rag_router.types import Question

__all__ = [
    "choose_threshold",
    "closed_book",
    "fit_gate",
    "fit_sureness",
    "fit_threshold",
    "label_answers",
    "parse_goal",
]

LEAST = 50
"""Fewest labelled questions that anything is fitted on."""

OnProgress = Callable[[int, int], None]


def closed_book(
    expert: Expert,
    questions: Sequence[Question],
    *,
    cache: OutcomeCache | None = None,
    max_new_tokens: int = 24,
    batch_size: int = 8,
    on_progress: OnProgress | None = None,
) -> list[tuple[Outcome, bool]]:
    """Let an expert answer without passages; return each answer and whether it was right."""
    prompts = [closed_book_prompt(expert.model, expert.style, q.text) for q in questions]
    outcomes = answer_prompts(
        expert.model,
        prompts,
        cache=cache,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        on_progress=on_progress,
    )
    return [
        (outcome, alias_match(outcome.answer, question.answers))
        for outcome, question in zip(outcomes, questions, strict=True)
    ]


def label_answers(
    expert: Expert,
    questions: Sequence[Question],
    *,
    cache: OutcomeCache | None = None,
    max_new_tokens: int = 24,
    batch_size: int = 8,
    on_progress: OnProgress | None = None,
) -> list[LabelledAnswer]:
    """Let an expert answer without passages; return what gates learn from."""
    labelled = closed_book(
        expert,
        questions,
        cache=cache,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        on_progress=on_progress,
    )
    prompts = [closed_book_prompt(expert.model, expert.style, q.text) for q in questions]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i].ids))
    firsts: dict[int, FirstTokenFigures] = {}
    for at in range(0, len(order), batch_size):
        rows = order[at : at + batch_size]
        logits = expert.model.prefill([prompts[row].ids for row in rows]).logits
        answers = [labelled[row][0].answer for row in rows]
        firsts.update(zip(rows, first_token_figures(expert.model, logits, answers), strict=True))
    return [
        LabelledAnswer(outcome.logprobs, firsts[row], right)
        for row, (outcome, right) in enumerate(labelled)
    ]


def fit_gate(
    name: str,
    gate: FittedGate,
    expert: Expert,
    questions: Sequence[Question],
    labelled: Sequence[LabelledAnswer],
    *,
    goal: str = "even",
    seed: int = 0,
) -> Artefact:
    """Fit a gate for an expert.

    Args:
        name: What the gate is called.
        gate: The gate with its options.
        expert: Whose knowledge is judged.
        questions: Questions with answers, at least 50.
        labelled: From `label_answers`, in the same order.
        goal: What the threshold is chosen for; see `choose_threshold`.
        seed: Of the split.

    Raises:
        DataError: too few questions, or only one class.
        UsageError: the goal is unknown or cannot be reached.
    """
    train, held = _split(questions, seed)
    features = gate.features(labelled)
    right = [one.right for one in labelled]
    fitted = gate.fit(features[train], _pick(right, train))
    threshold = choose_threshold(goal, fitted.probabilities(features[train]), _pick(right, train))
    p = fitted.probabilities(features[held])
    above = p >= threshold
    known = np.array(_pick(right, held))[above]
    card = Card(
        method=f"gate/{name}",
        model=expert.name,
        model_fingerprint=expert.model.fingerprint,
        prompt_hash=expert.style.fingerprint,
        data_hash=data_hash(questions),
        date=_today(),
        metrics=_metrics(p, _pick(right, held))
        | {"share_above_threshold": round(float(above.mean()), 4)}
        | ({"right_above_threshold": round(float(known.mean()), 4)} if len(known) else {}),
        threshold=threshold,
        threshold_goal=goal,
        notes={**gate.options, "train": len(train), "held_out": len(held), "seed": seed},
    )
    return Artefact(card=card, weights=fitted.learned)


def choose_threshold(goal: str, p: np.ndarray[Any, Any], right: Sequence[bool]) -> float:
    """Turn a stated goal into a threshold on a calibrated probability.

    Args:
        goal: "even" retrieves what is more likely wrong than right; "budget=0.4" retrieves for
            40 % of the questions; "risk<=0.3" is the lowest threshold above which at most 30 % of
            the training answers are wrong.
        p: Probabilities on the training questions.
        right: Whether the answers were right.

    Raises:
        UsageError: the goal is unknown, or the data cannot reach it; says what can be.
    """
    name, value = parse_goal(goal)
    if name == "even":
        return value
    if name == "budget":
        return float(np.quantile(p, value))
    order = np.argsort(-p, kind="stable")
    wrong = np.cumsum(~np.asarray(right, dtype=bool)[order]) / np.arange(1, len(p) + 1)
    # A threshold cannot part questions of equal probability: only the last of them counts.
    whole = np.append(np.diff(p[order]) < 0, True)
    enough = np.flatnonzero(whole & (wrong <= value))
    if not len(enough):
        raise UsageError(
            f"no threshold keeps the risk at {value:g}.",
            hint=f"The lowest risk these questions reach is {wrong[whole].min():.2f}.",
        )
    # Not rounded: rounded up, it would no longer keep the last question above it.
    return float(p[order][enough[-1]])


def parse_goal(goal: str) -> tuple[str, float]:
    """Return a goal's name and number; even is a threshold of one half.

    Raises:
        UsageError: the goal is unknown.
    """
    if goal == "even":
        return "even", 0.5
    name, _, number = goal.replace("<=", "=").partition("=")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if name not in {"budget", "risk"} or not 0 <= value <= 1:
        raise UsageError(
            f"no goal is called {goal!r}.", hint="Use even, budget=0.4 or risk<=0.3 (0 to 1)."
        )
    return name, value


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
                helpful.append(_holds(hit.passage.text, question.answers))
                owner.append(at + offset)
        if on_progress is not None:
            on_progress(at + len(batch), len(questions))
    train, held = map(set, _split(questions, seed))
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
                right.append(alias_match(answer.text, question.answers))
        if on_progress is not None:
            on_progress(at + len(batch), len(questions))
    train, held = _split(asked, seed)
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
    return fitted.to_artefact(card)


def _holds(text: str, answers: Sequence[str]) -> bool:
    """Whether a passage holds an accepted answer as whole words."""
    body = f" {normalise(text)} "
    return any(f" {alias} " in body for alias in map(normalise, answers) if alias)


def _split(questions: Sequence[Question], seed: int) -> tuple[list[int], list[int]]:
    if len(questions) < LEAST:
        raise DataError(
            f"{len(questions)} labelled questions are too few to fit anything.",
            hint=f"Give at least {LEAST}; a thousand are better.",
        )
    held = [i for i, q in enumerate(questions) if is_held_out(q.id, seed=seed)]
    apart = set(held)
    return [i for i in range(len(questions)) if i not in apart], held


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
