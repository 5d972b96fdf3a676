"""From disputes to the artefact of `auto`: walked, weighed, cross-validated, written down.

How small leaves may be, and what the kinds of questions are worth beside each other, are chosen by
cross-validation over questions with all facts known. Each kind has its bar: true and falsified
passages the share of wanted answers that the best fixed alpha comes to for that kind alone;
passages beside the point half the harm that is done by reading them as they are. A choice counts
as much as the kind that is furthest below its bar, so that none is sacrificed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from rag_router.artefacts import Artefact, Card
from rag_router.decoders.auto import AutoDecoder
from rag_router.decoders.considerations import CASES
from rag_router.eval.contrast_fitting import (
    ALPHAS,
    Lesson,
    fold_of,
    lesson_of,
    promises,
    reached,
)
from rag_router.eval.datasets import data_hash
from rag_router.eval.disputes import Condition, Dispute
from rag_router.eval.walks import Walk, walk
from rag_router.experts import Expert
from rag_router.models.streams import Facts
from rag_router.outcomes import RecordCache

__all__ = ["fit_auto", "learn"]

OnProgress = Callable[[int, int], None]

_FOLDS: Final = 4
_LEAVES: Final = (4, 8)
_WORTHS: Final[tuple[Mapping[Condition, float], ...]] = tuple(
    {"gold": 1.0, "counterfactual": falsified, "irrelevant": beside}
    for falsified, beside in product((1.0, 1.5, 2.5), (0.3, 0.4, 0.5, 0.7))
)
_FIXED: Final = tuple(k / 4 for k in range(-4, 7))


def fit_auto(
    decoder: AutoDecoder,
    expert: Expert,
    disputes: Sequence[Dispute],
    facts: Sequence[Facts],
    *,
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
        cache: Where walks are kept.
        batch_size: Disputes at a time.
        on_progress: Hears (done, all).

    Raises:
        DataError: there is hardly anything to learn of one kind.
    """
    walks: dict[int, list[Walk]] = {}
    for alphas in dict.fromkeys(ALPHAS.values()):
        rows = [n for n, one in enumerate(disputes) if ALPHAS[one.condition] == alphas]
        found = walk(
            alphas,
            expert,
            [disputes[row] for row in rows],
            cache=cache,
            batch_size=batch_size,
            on_progress=_further(on_progress, len(walks), len(disputes)),
        )
        walks |= dict(zip(rows, found, strict=True))
    lesson = lesson_of(disputes, facts, [walks[n] for n in range(len(disputes))])
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


def _further(on_progress: OnProgress | None, done: int, every: int) -> OnProgress | None:
    """Count on from what is done."""
    if on_progress is None:
        return None
    return lambda at, _: on_progress(done + at, every)


def learn(
    lesson: Lesson, decoder: AutoDecoder
) -> tuple[AutoDecoder, dict[str, float], dict[str, Any]]:
    """Choose leaves and worths by cross-validation, and grow all forests.

    Returns:
        The fitted decoder; for each kind of questions the cross-validated share that comes to
        the wanted answer, with everything known and without, and what fixed alphas reach; what
        was chosen.
    """
    kinds = np.array(lesson.kinds)
    bars = {
        kind: max(_fixed(lesson, alpha)[kinds == kind].mean() for alpha in _FIXED)
        for kind in ALPHAS
    }
    bars["irrelevant"] = (1 + _fixed(lesson, 0.0)[kinds == "irrelevant"].mean()) / 2
    tried: list[tuple[float, int, Mapping[Condition, float], NDArray[np.bool_]]] = []
    for leaf, worth in product(_LEAVES, _WORTHS):
        found = _apart(lesson, decoder, leaf, worth, CASES[0])
        behind = max(bars[kind] - found[kinds == kind].mean() for kind in ALPHAS)
        tried.append((behind, leaf, worth, found))
    behind, leaf, worth, found = min(tried, key=lambda one: one[0])
    apart = {CASES[0]: found} | {
        case: _apart(lesson, decoder, leaf, worth, case) for case in CASES[1:]
    }
    metrics = {
        f"{kind}_{'_'.join(case) or 'nothing'}_known": round(float(found[kinds == kind].mean()), 4)
        for case, found in apart.items()
        for kind in ALPHAS
    }
    for alpha in (-1.0, 0.0, 0.5, 1.0):
        found = _fixed(lesson, alpha)
        metrics |= {
            f"{kind}_alpha_{alpha:g}": round(float(found[kinds == kind].mean()), 4)
            for kind in ALPHAS
        }
    forests = [promises(lesson, worth=worth, leaf=leaf, case=case) for case in CASES]
    notes = {
        "leaf": leaf,
        "worth": dict(worth),
        "behind": round(float(behind), 4),
        "bars": {kind: round(float(bar), 4) for kind, bar in bars.items()},
        "questions": {kind: lesson.kinds.count(kind) for kind in ALPHAS},
    }
    return decoder.with_forests(forests), metrics, notes


def _apart(
    lesson: Lesson,
    decoder: AutoDecoder,
    leaf: int,
    worth: Mapping[Condition, float],
    case: tuple[str, ...],
) -> NDArray[np.bool_]:
    """Which questions come to a wanted answer by what was learned from other questions."""
    fold = np.array([fold_of(name, _FOLDS) for name in lesson.names])
    found = np.zeros(len(fold), dtype=bool)
    for number in range(_FOLDS):
        taught, judged = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(judged) == 0:
            continue
        forest = promises(lesson.pick(taught.tolist()), worth=worth, leaf=leaf, case=case)
        fitted = decoder.with_forests([forest] * len(CASES))
        found[judged] = reached(lesson.pick(judged.tolist()), fitted, case)
    return found


def _fixed(lesson: Lesson, alpha: float) -> NDArray[np.bool_]:
    """Which questions come to a wanted answer at one alpha."""
    return lesson.reached(torch.full(lesson.steps.shape, alpha))
