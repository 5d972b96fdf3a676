"""How well passages are ranked that questions come with, for `benchmarks.filters`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError
from rag_router.eval.metrics.bootstrap import Bootstrap, Interval
from rag_router.eval.metrics.weighted import Statistic, auroc_of
from rag_router.eval.own_passages import with_passages
from rag_router.filters import Filter, FilterContext, run_filters
from rag_router.indices.index import Index
from rag_router.models.base import Embedder
from rag_router.scoring import holds_answer
from rag_router.types import Hit, Judged, Passage, Question

__all__ = ["Lines", "kept_by", "lines_of", "ranking", "supports", "with_texts"]

_DRAWS = 1000
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Lines:
    """Questions, each with its passages.

    Attributes:
        questions: Those with a passage.
        hits: Their passages.
    """

    questions: list[Question]
    hits: list[list[Hit]]

    def first(self, questions: int, passages: int | None = None) -> Lines:
        """No more than the first of them."""
        return Lines(
            self.questions[:questions], [line[:passages] for line in self.hits[:questions]]
        )

    @property
    def texts(self) -> list[str]:
        return [question.text for question in self.questions]

    @property
    def helpful(self) -> NDArray[np.bool_]:
        """Whether each passage holds an accepted answer, those of all questions in a row."""
        return np.array(
            [
                holds_answer(hit.passage.text, question.answers)
                for question, line in zip(self.questions, self.hits, strict=True)
                for hit in line
            ]
        )

    @property
    def owner(self) -> NDArray[np.int64]:
        """Row of the question that each passage belongs to."""
        return np.repeat(np.arange(len(self.hits)), [len(line) for line in self.hits])


def lines_of(questions: Sequence[Question], embedder: Embedder, indexes: Sequence[Index]) -> Lines:
    """Put the passages that questions come with beside them; questions without any are left out."""
    found = [pair for pair in with_passages(questions, embedder, indexes) if pair[1]]
    return Lines([question for question, _ in found], [line for _, line in found])


def with_texts(questions: Sequence[Question], folder: Path) -> list[Question]:
    """Look texts up that a set has by their ids only."""
    wanted = {one.id for question in questions for one in question.contexts if not one.text}
    found: dict[str, Passage] = {}
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as rows:
            for row in map(json.loads, rows):
                if row["id"] in wanted:
                    found[row["id"]] = Passage(id=row["id"], title=row["title"], text=row["text"])
    return [
        replace(question, contexts=tuple(found.get(one.id, one) for one in question.contexts))
        for question in questions
    ]


def supports(one: Filter, lines: Lines) -> NDArray[np.float64]:
    """What a filter that asks nobody says of each passage; 0 where it says nothing."""
    context = FilterContext(lambda text: len(text.split()))
    out: list[float] = []
    for at in range(0, len(lines.hits), _BATCH):
        judged = [[Judged(hit=hit) for hit in line] for line in lines.hits[at : at + _BATCH]]
        said = one.judge(lines.texts[at : at + _BATCH], judged, context)
        out += [judgement.support or 0.0 for line in said for judgement in line]
    return np.array(out)


def ranking(
    scores: Mapping[str, NDArray[np.float64]], lines: Lines, *, less: Mapping[str, str]
) -> dict[str, Any]:
    """AUROC of scores against whether a passage holds an answer, with ends over questions.

    Args:
        scores: Of each passage, the higher the better.
        lines: The passages.
        less: Scores to compare, each with another one that is taken from it.
    """
    right, owner = lines.helpful, lines.owner
    found: dict[str, Any] = {
        "questions": len(lines.questions),
        "passages": len(right),
        "helpful": round(float(right.mean()), 4),
    }
    if not 0 < right.sum() < len(right):
        return found
    draws = Bootstrap(resamples=_DRAWS)
    figures = {name: _by_question(score, right, owner) for name, score in scores.items()}
    for name, statistic in figures.items():
        found[name] = _figure(partial(draws.interval, statistic), statistic)
    for ours, theirs in less.items():
        compared = partial(draws.difference, figures[ours], figures[theirs])
        found[f"{ours}_less_{theirs}"] = _figure(compared, figures[ours], figures[theirs])
    return found


def kept_by(chain: Sequence[Filter], lines: Lines) -> dict[str, float]:
    """Share of words and of answers that a chain leaves."""
    context = FilterContext(lambda text: len(text.split()))
    found = run_filters(chain, lines.texts, lines.hits, context, strict=True)
    words = sum(len(hit.passage.text.split()) for line in lines.hits for hit in line)
    left = sum(len(one.hit.passage.text.split()) for seen in found for one in seen.kept)
    answered = [
        any(holds_answer(one.hit.passage.text, question.answers) for one in seen.kept)
        for question, line, seen in zip(lines.questions, lines.hits, found, strict=True)
        if any(holds_answer(hit.passage.text, question.answers) for hit in line)
    ]
    out = {"words_kept": round(left / max(words, 1), 4)}
    return out | ({"answer_kept": round(float(np.mean(answered)), 4)} if answered else {})


def _by_question(
    score: NDArray[np.float64], right: NDArray[np.bool_], owner: NDArray[np.int64]
) -> Statistic:
    """Passages of one question are drawn together: they have much in common."""
    figure = auroc_of(score, right)
    return Statistic(int(owner[-1]) + 1, lambda weights: figure(weights[:, owner]))


def _figure(measured: Callable[[], Interval], *of: Statistic) -> list[float]:
    """A figure and its ends; without them where the questions are too few."""
    try:
        found = measured()
    except DataError:
        values = [float(one(np.ones((1, one.n)))[0]) for one in of]
        return [round(values[0] - sum(values[1:]), 4)]
    return [round(found.value, 4), round(found.low, 4), round(found.high, 4)]
