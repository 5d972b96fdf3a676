"""Fitting any filter that says of passages how probably each of them holds the answer.

One figure of a passage becomes a probability by a curve; a filter that reads many figures learns
what they say together. Either learns from one half of the questions and is judged on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rag_router.artefacts import Artefact, Card
from rag_router.calibration import auroc, brier_score, expected_calibration_error
from rag_router.errors import DataError
from rag_router.eval.datasets import data_hash
from rag_router.eval.halves import halves
from rag_router.filters import Filter, FilterContext
from rag_router.filters.learned_of import Prints
from rag_router.filters.scored import ScoredFilter
from rag_router.filters.studying import StudyingFilter
from rag_router.scoring import holds_answer
from rag_router.types import Hit, Judged, Question

__all__ = ["KEEP", "Taught", "fit_filter", "least_support"]

OnProgress = Callable[[int, int], None]

KEEP: Final = 0.97
"""Share of the questions with a passage that helps which shall keep one."""

_CHOSEN_ON: Final = 4
"""Every fourth question that is learned from says where passages end to be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """Passages that a filter learns from, line by line.

    Attributes:
        questions: Of each line, with answers; one may stand in several lines.
        hits: The passages of each line.
        sets: Name of each line's set.
    """

    questions: Sequence[Question]
    hits: Sequence[Sequence[Hit]]
    sets: Sequence[str]


def fit_filter(
    name: str,
    one: ScoredFilter | StudyingFilter,
    taught: Taught,
    bound: Prints,
    context_of: Callable[[Sequence[Question]], FilterContext],
    *,
    min_support: float | None = None,
    transfer: bool = False,
    before: Sequence[Filter] = (),
    seed: int = 0,
    batch_size: int = 16,
    on_progress: OnProgress | None = None,
) -> Artefact:
    """Fit a filter on passages that hold an accepted answer or do not.

    Args:
        name: What the filter is called.
        one: The filter with its options.
        taught: At least 50 lines.
        bound: Whose figures it reads.
        context_of: What the filter may ask, for some questions.
        min_support: Where passages end to be read; None chooses, so that 97 % of the questions
            with a passage that helps keep one.
        transfer: Whether to tell how well it does on each set having learned from the others.
        before: Filters that judge the passages first, for one that hears what they said. They
            should have learned from other questions, or it trusts them too much.
        seed: Of the split, and of whatever is drawn.
        batch_size: Lines at a time.
        on_progress: Hears (done, all).

    Raises:
        DataError: too few questions, or only one class.
    """
    judged = _judged(taught, before, context_of, batch_size)
    train, held = halves(taught.questions, seed)
    if isinstance(one, StudyingFilter):
        one = one.prepared([judged[row] for row in train])
    told_of = taught.questions, judged
    figures = _figures(one, told_of, context_of, batch_size, on_progress)
    seen = _Seen.of(taught, figures)
    learned_from, told = seen.of_lines(train), seen.of_lines(held)
    fitted = _taught(one, learned_from, seed)
    goal = "set"
    if min_support is None:
        min_support, goal = _chosen(one, learned_from, seed), f"keeps {KEEP:.0%} of answers"
    p = _supports(fitted, told)
    card = Card(
        method=f"filter/{name}",
        model=bound.name,
        model_fingerprint=bound.model,
        prompt_hash=bound.prompt or "",
        data_hash=data_hash(taught.questions),
        date=datetime.now(UTC).date().isoformat(),
        metrics=_metrics(p, told, min_support),
        threshold=min_support,
        threshold_goal=goal,
        notes={
            "train": len(train),
            "held_out": len(held),
            "seed": seed,
            "auroc_by_set": _by_set(p, told),
            **(
                {"auroc_untaught_set": _untaught(one, learned_from, told, seed)} if transfer else {}
            ),
        },
    )
    artefact: Artefact = fitted.to_artefact(card)
    return artefact


def least_support(
    p: NDArray[np.float64],
    helpful: NDArray[np.bool_],
    owner: NDArray[np.int64],
    *,
    keep: float = KEEP,
) -> float:
    """Return the largest support that leaves a helpful passage to enough of the questions.

    Args:
        p: Of each passage.
        helpful: Whether it helps.
        owner: Number of its question.
        keep: Share of the questions with a helpful passage, in (0, 1].

    Raises:
        DataError: no passage helps.
    """
    best: dict[int, float] = {}
    for number, value in zip(owner[helpful].tolist(), p[helpful].tolist(), strict=True):
        best[number] = max(best.get(number, 0.0), value)
    if not best:
        raise DataError("no passage holds an answer.", hint="Look in another index.")
    ordered = sorted(best.values())
    # As many may be lost as do not spoil the share.
    lost = int(len(ordered) * (1 - keep) + 1e-9)
    return float(np.floor(1000 * ordered[lost]) / 1000)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Figures of all passages, shape (n, figures), and whose they are."""

    figures: NDArray[np.float64]
    helpful: NDArray[np.bool_]
    owner: NDArray[np.int64]
    line: NDArray[np.int64]
    sets: NDArray[np.str_]

    @classmethod
    def of(cls, taught: Taught, figures: Sequence[NDArray[np.float64]]) -> _Seen:
        sizes = [len(line) for line in taught.hits]
        numbers: dict[str, int] = {}
        for question in taught.questions:
            numbers.setdefault(question.id, len(numbers))
        helpful = [
            holds_answer(hit.passage.text, question.answers)
            for question, line in zip(taught.questions, taught.hits, strict=True)
            for hit in line
        ]
        return cls(
            np.concatenate([block for block in figures if len(block)]),
            np.array(helpful, dtype=bool),
            np.repeat([numbers[q.id] for q in taught.questions], sizes),
            np.repeat(np.arange(len(sizes)), sizes),
            np.repeat(np.array(taught.sets), sizes),
        )

    def of_lines(self, lines: NDArray[np.int64]) -> _Seen:
        """Those of some lines of which there is something to say."""
        return self.where(np.isin(self.line, lines) & ~np.isnan(self.figures).all(axis=1))

    def where(self, rows: NDArray[np.bool_]) -> _Seen:
        return _Seen(
            self.figures[rows],
            self.helpful[rows],
            self.owner[rows],
            self.line[rows],
            self.sets[rows],
        )


def _judged(
    taught: Taught,
    before: Sequence[Filter],
    context_of: Callable[[Sequence[Question]], FilterContext],
    batch_size: int,
) -> list[list[Judged]]:
    """Let the filters before say what they think; what they would drop stays."""
    judged = [[Judged(hit=hit) for hit in line] for line in taught.hits]
    for one in before:
        for at in range(0, len(judged), batch_size):
            batch = taught.questions[at : at + batch_size]
            texts = [question.text for question in batch]
            said = one.judge(texts, judged[at : at + batch_size], context_of(batch))
            judged[at : at + batch_size] = [[replace(j, kept=True) for j in line] for line in said]
    return judged


def _figures(
    one: ScoredFilter | StudyingFilter,
    told_of: tuple[Sequence[Question], Sequence[Sequence[Judged]]],
    context_of: Callable[[Sequence[Question]], FilterContext],
    batch_size: int,
    on_progress: OnProgress | None,
) -> list[NDArray[np.float64]]:
    questions, judged = told_of
    out: list[NDArray[np.float64]] = []
    for at in range(0, len(questions), batch_size):
        batch, lines = questions[at : at + batch_size], judged[at : at + batch_size]
        context = context_of(batch)
        texts = [question.text for question in batch]
        if isinstance(one, StudyingFilter):
            out += one.columns(texts, lines, context)
        else:
            raw = one.raw(texts, lines, context)
            out += [np.asarray(line, dtype=np.float64).reshape(-1, 1) for line in raw]
        if on_progress is not None:
            on_progress(at + len(batch), len(questions))
    return out


def _taught(one: Any, seen: _Seen, seed: int) -> Any:
    if isinstance(one, StudyingFilter):
        return one.study(seen.figures, seen.helpful, seen.owner, seed=seed)
    return one.fit(seen.figures[:, 0].tolist(), seen.helpful.tolist())


def _supports(fitted: Any, seen: _Seen) -> NDArray[np.float64]:
    figures = seen.figures[:, 0].tolist()
    if isinstance(fitted, StudyingFilter):
        figures = fitted.figures_of(seen.figures)
    return np.array([fitted.support(figure) for figure in figures])


def _chosen(one: Any, seen: _Seen, seed: int) -> float:
    """Choose on questions that what chooses has not learned from."""
    apart = seen.owner % _CHOSEN_ON == 0
    some = seen.where(apart)
    fitted = _taught(one, seen.where(~apart), seed)
    return least_support(_supports(fitted, some), some.helpful, some.owner)


def _by_set(p: NDArray[np.float64], seen: _Seen) -> dict[str, float]:
    out: dict[str, float] = {}
    for name in sorted(set(seen.sets.tolist())):
        rows = seen.sets == name
        if 0 < seen.helpful[rows].sum() < rows.sum():
            out[name] = round(auroc(p[rows], seen.helpful[rows]), 4)
    return out


def _untaught(one: Any, train: _Seen, held: _Seen, seed: int) -> dict[str, float]:
    """AUROC on each set of a filter that has learned from all the others."""
    out: dict[str, float] = {}
    for name in sorted(set(train.sets.tolist())):
        rest, own = train.where(train.sets != name), held.where(held.sets == name)
        # A question that stands in two sets is not to be known from the other one.
        rest = rest.where(~np.isin(rest.owner, own.owner))
        if len(rest.helpful) and 0 < own.helpful.sum() < len(own.helpful):
            out[name] = round(auroc(_supports(_taught(one, rest, seed), own), own.helpful), 4)
    return out


def _metrics(p: NDArray[np.float64], seen: _Seen, least: float) -> dict[str, float]:
    kept = p >= least
    answered = set(seen.line[seen.helpful].tolist())
    still = set(seen.line[seen.helpful & kept].tolist())
    return {
        "auroc": round(auroc(p, seen.helpful), 4),
        "brier": round(brier_score(p, seen.helpful), 4),
        "ece": round(expected_calibration_error(p, seen.helpful), 4),
        "base_rate": round(float(seen.helpful.mean()), 4),
        "n": float(len(p)),
        "answers_kept": round(len(still) / max(len(answered), 1), 4),
        "passages_kept": round(float(kept.mean()), 4),
    }
