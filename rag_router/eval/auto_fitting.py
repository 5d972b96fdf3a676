"""From disputes to the artefact of `auto`: answered, weighed, cross-validated, written down.

What the kinds of questions are worth beside each other is chosen by cross-validation over
questions with all facts known. What is judged is a whole set that was not learned from, since
questions of one set are alike in more than what matters, and passages beside the point must not be
told by the set that they belong to; where there is but one set, a part of its questions. Each kind
has its bar: falsified passages followed as often as contrast does, less two points; true ones
answered from as well as by the best of the three answers, less one; passages beside the point doing
half the harm that they do where they are read as they are. A choice counts as much as the kind that
is furthest below its bar, so that none is sacrificed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact, Card
from rag_router.decoders.auto import ANSWERS, AutoDecoder
from rag_router.decoders.considerations import CASES
from rag_router.eval.choice_fitting import ALPHAS, KINDS, Lesson, chosen, lesson_of, promises
from rag_router.eval.datasets import data_hash
from rag_router.eval.disputes import Condition, Dispute
from rag_router.eval.walks import walk
from rag_router.experts import Expert
from rag_router.models.streams import Facts
from rag_router.outcomes import RecordCache

__all__ = ["fit_auto", "learn"]

OnProgress = Callable[[int, int], None]

_FOLDS: Final = 4
_WORTHS: Final[tuple[Mapping[Condition, float], ...]] = tuple(
    {"gold": 1.0, "counterfactual": falsified, "irrelevant": beside}
    for falsified, beside in product((1.0, 1.5, 2.0, 2.5, 3.0), (1.0, 1.5, 2.0, 2.5))
)


def fit_auto(
    decoder: AutoDecoder,
    expert: Expert,
    disputes: Sequence[Dispute],
    facts: Sequence[Facts],
    memory: Sequence[str],
    *,
    sets: Sequence[str] = (),
    cache: RecordCache | None = None,
    batch_size: int = 8,
    on_progress: OnProgress | None = None,
) -> Artefact:
    """Fit `auto` for an expert.

    Args:
        decoder: With its options; what it learned before does not count.
        expert: Who answers.
        disputes: Questions with true, falsified and irrelevant passages; the latter of questions
            that the expert answers rightly from memory.
        facts: What a service would know about each.
        memory: What the expert answers to each from memory.
        sets: Which set each question is of; none are all of one.
        cache: Where walks are kept.
        batch_size: Disputes at a time.
        on_progress: Hears (done, all).

    Raises:
        DataError: there is hardly anything to learn of one kind.
    """
    walks = walk(
        ALPHAS, expert, disputes, cache=cache, batch_size=batch_size, on_progress=on_progress
    )
    lesson = lesson_of(disputes, facts, memory, walks, sets or [""] * len(disputes))
    fitted, metrics, notes = learn(lesson, decoder)
    questions = {one.row: one.question for one in disputes}
    card = Card(
        method="decoder/auto",
        model=expert.name,
        model_fingerprint=expert.model.fingerprint,
        prompt_hash=expert.style.contextual_fingerprint,
        data_hash=data_hash([questions[row] for row in sorted(questions)]),
        date=datetime.now(UTC).date().isoformat(),
        metrics=metrics,
        notes=notes | {"disputes": len(disputes), "most": decoder.most},
    )
    return Artefact(card=card, weights=fitted.learned)


def learn(
    lesson: Lesson, decoder: AutoDecoder
) -> tuple[AutoDecoder, dict[str, float], dict[str, Any]]:
    """Choose worths by cross-validation, and learn every case.

    Returns:
        The fitted decoder; for each kind of questions the cross-validated share that is answered
        as wanted, with everything known and without, and what each answer alone comes to; what was
        chosen, and the shares by the set that was left out.
    """
    alone = {name: lesson.shares(lesson.right[:, at]) for at, name in enumerate(ANSWERS)}
    bars: dict[Condition, float] = {
        "gold": max(one["gold"] for one in alone.values()) - 0.01,
        "counterfactual": alone["contrast"]["counterfactual"] - 0.02,
        "irrelevant": (1 + alone["passages"]["irrelevant"]) / 2,
    }
    tried = [(worth, _apart(lesson, decoder, worth, CASES[0])) for worth in _WORTHS]

    def behind(found: NDArray[np.bool_]) -> float:
        shares = lesson.shares(found)
        return max(bars[kind] - shares[kind] for kind in KINDS)

    worth, found = min(tried, key=lambda one: behind(one[1]))
    shares = {"_".join(case) or "nothing": _apart(lesson, decoder, worth, case) for case in CASES}
    metrics = {
        f"{kind}_{name}_known": round(share, 4)
        for name, some in shares.items()
        for kind, share in lesson.shares(some).items()
    } | {
        f"{kind}_{name}": round(share, 4)
        for name, some in alone.items()
        for kind, share in some.items()
    }
    every = np.arange(len(lesson.names))
    fitted = decoder.with_rewards(
        [promises(lesson, every, worth=worth, case=case) for case in CASES]
    )
    notes = {
        "worth": dict(worth),
        "behind": round(behind(found), 4),
        "bars": {kind: round(bar, 4) for kind, bar in bars.items()},
        "questions": {kind: int(((lesson.kinds == kind) & lesson.counted).sum()) for kind in KINDS},
        "left_out": _by_set(lesson, found),
    }
    return fitted, metrics, notes


def _apart(
    lesson: Lesson, decoder: AutoDecoder, worth: Mapping[Condition, float], case: tuple[str, ...]
) -> NDArray[np.bool_]:
    """Which questions are answered as wanted by what was learned from others."""
    fold = _folds(lesson)
    found = np.zeros(len(fold), dtype=bool)
    for one in np.unique(fold):
        taught, judged = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
        rewards = promises(lesson, taught, worth=worth, case=case)
        found[judged] = chosen(lesson, judged, decoder.with_rewards([rewards] * len(CASES)), case)
    return found


def _folds(lesson: Lesson) -> NDArray[np.str_]:
    """What each question is left out with: its set, or where there is one alone, a part of it."""
    if len(np.unique(lesson.sets)) > 1:
        return lesson.sets
    return np.array([str(_fold_of(name)) for name in lesson.names])


def _fold_of(name: str) -> int:
    """All passages of a question are in the same fold."""
    return int.from_bytes(sha256(name.encode()).digest()[:4], "big") % _FOLDS


def _by_set(lesson: Lesson, found: NDArray[np.bool_]) -> dict[str, dict[str, list[float]]]:
    """For each set and kind, how many questions there are, and the share answered as wanted."""
    table: dict[str, dict[str, list[float]]] = {}
    for name in np.unique(lesson.sets):
        for kind in KINDS:
            rows = (lesson.sets == name) & (lesson.kinds == kind) & lesson.counted
            if rows.any():
                share = round(float(found[rows].mean()), 4)
                table.setdefault(str(name), {})[kind] = [int(rows.sum()), share]
    return table
