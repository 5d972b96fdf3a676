"""Do filters drop what does not help, and is what they leave enough? Both bundled generators.

    python -m benchmarks.filters --data FOLDER [--index wiki] [--limit 100] [--ranked 400]
        [--risen 60] [--part rise]...

Held-out questions alone. Ranked are the passages that BM25 found for nq_gold, and those that
questions of hotpotqa and tempqa come with, by whether they hold an accepted answer. Answered are
questions of nq_gold from what the settings' retriever finds in the index, best ten: all of them,
what filters leave, and the best one; then from passages that hold no answer, once those found for
another question and once their own, and from gold passages alone. "default" is the chain of the
settings, "threshold, budget" the same by the cosine. Answers are kept in the home's outcome cache,
and figures are recorded part by part, so that a run which was stopped goes on; `--part` measures
some of them with the generators anew, and leaves the others as the newest result has them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.filters_ranking import Lines, kept_by, lines_of, ranking, supports, with_texts
from benchmarks.filters_reading import Reading, without_answers
from benchmarks.gates import MODELS
from benchmarks.record import RESULTS, record
from rag_router.assembly import load_embedder, load_expert, load_filters, open_indexes
from rag_router.cli.evaluate.common import read_data
from rag_router.cli.options import fetch_announced
from rag_router.eval.datasets import data_hash
from rag_router.experts import Expert
from rag_router.filters import Filter
from rag_router.fitted import shipped
from rag_router.indices.index import Index
from rag_router.models.base import Embedder
from rag_router.outcomes import OutcomeCache, RecordCache
from rag_router.retrievers import RETRIEVERS, make_queries
from rag_router.settings import Component, GeneratorSettings, Settings
from rag_router.types import Question

GIVEN_SETS = {"hotpotqa": "hotpotqa/sample.jsonl.gz", "tempqa": "tempqa/dev.jsonl.gz"}
_READ, _TIMED, _SHOWN = 10, 20, 5
"""Passages: that a generator answers from, that filters are timed on, that it reads one by one."""

_TIMES = 20
"""Questions that are timed."""

PARTS = ("ms", "rise", "rise_cost", "found", "gold", "irrelevant", "missed")
"""What is measured with a generator."""


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--index", "indexes", multiple=True, default=("wiki",), show_default=True)
@click.option("--limit", default=100, show_default=True, help="Most questions that are answered.")
@click.option("--ranked", default=400, show_default=True, help="Most whose passages are ranked.")
@click.option("--risen", default=60, show_default=True, help="Most for knowledge_rise.")
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
@click.option("--part", "some", multiple=True, type=click.Choice(PARTS), help="Only these.")
@click.option("--name", default="filters", show_default=True, help="Of the result.")
def main(
    data: Path,
    indexes: tuple[str, ...],
    limit: int,
    ranked: int,
    risen: int,
    models: tuple[str, ...],
    some: tuple[str, ...],
    name: str,
) -> None:
    """Measure, print and record."""
    before: dict[str, Any] = _newest(name)["models"] if some else {}
    settings = Settings(indexes=indexes)
    embedder = load_embedder(settings, fetch=fetch_announced)
    opened = tuple(open_indexes(settings, embedder).values())
    asked = _held(data, "nq_gold/retrieved_bm25.jsonl.gz", ranked)
    gold = _held(data, "nq_gold/dev.jsonl.gz", limit)
    bm25 = lines_of(with_texts(asked, data / "wiki_passages"), embedder, opened)
    found = _found(settings, gold, embedder, opened)
    parts = _Parts(
        settings,
        embedder,
        shown=bm25.first(risen, _SHOWN),
        gold=lines_of(gold, embedder, opened),
        alien=_given_anew(without_answers(found.first(limit, _READ), moved=1), embedder, opened),
        found=found,
    )
    figures: dict[str, Any] = {
        "index": list(indexes),
        "ranking": parts.ranking(bm25),
        "untaught": _untaught(embedder),
        "sets": {
            set_: parts.given(lines_of(_held(data, file, limit), embedder, opened))
            for set_, file in GIVEN_SETS.items()
        },
        "models": before,
    }
    fingerprints = {embedder.name: embedder.fingerprint}
    questions = data_hash([*asked, *gold])
    record(name, figures, data_hash=questions, models=fingerprints)
    kept = settings.home / "outcomes.sqlite"
    with closing(OutcomeCache(kept)) as outcomes, closing(RecordCache(kept)) as records:
        for model in models:
            expert = load_expert(
                Settings(generator=GeneratorSettings(model=model)), fetch=fetch_announced
            )
            fingerprints[model] = expert.model.fingerprint
            rows = figures["models"].setdefault(model, {})
            reading = Reading(expert, outcomes, records)
            for part in some or PARTS:
                rows[part] = parts.read(part, reading)
                record(name, figures, data_hash=questions, models=fingerprints)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is measured.

    Attributes:
        settings: They name the default chain and the retriever.
        embedder: Filters were fitted for it.
        shown: The best passages of BM25 for a few questions.
        gold: Questions with their gold passages alone.
        alien: The same questions with what is found for another one.
        found: The same questions with what the retriever finds.
    """

    settings: Settings
    embedder: Embedder
    shown: Lines
    gold: Lines
    alien: Lines
    found: Lines

    def ranking(self, lines: Lines) -> dict[str, Any]:
        """AUROC of what costs nothing extra."""
        hits = [hit for line in lines.hits for hit in line]
        scores = {
            "cosine": np.array([hit.similarity for hit in hits], dtype=np.float64),
            "rank": -np.array([hit.rank for hit in hits], dtype=np.float64),
        }
        scores |= {name: supports(self._filter(name), lines) for name in ("threshold", "learned")}
        return ranking(scores, lines, less={"learned": "cosine"})

    def given(self, lines: Lines) -> dict[str, Any]:
        """The same for passages that questions come with, and what chains leave of them."""
        kept = {name: kept_by(chain, lines) for name, chain in self._chains().items() if chain}
        return {"ranking": self.ranking(lines), "kept": kept}

    def read(self, part: str, reading: Reading) -> dict[str, Any]:
        """Measure a part with a generator."""
        chains, best = self._chains(), self.found.first(len(self.found.hits), _READ)
        some = {name: chain for name, chain in chains.items() if chain}
        if part == "ms":
            timed = self.found.first(_TIMES)
            spent = {name: reading.milliseconds(chain, timed) for name, chain in some.items()}
            return {"passages": _TIMED, **spent}
        if part == "rise":
            return self._rise(reading)
        if part == "rise_cost":
            rise = self._filter("knowledge_rise", reading.expert)
            return reading.against_one_prefill(rise, self.shown.first(_TIMES // 5))
        if part == "found":
            return reading.accuracies(chains, best, beside=("none", "top 1"))
        if part == "gold":
            return reading.accuracies(chains, self.gold, beside=("none",))
        lines = self.alien if part == "irrelevant" else without_answers(best)
        return reading.accuracies(some, lines, beside=("closed book",))

    def _rise(self, reading: Reading) -> dict[str, Any]:
        rise = self._filter("knowledge_rise", reading.expert)
        learned = self._filter("learned")
        both = ranking(
            {
                "cosine": np.array([h.similarity or 0.0 for line in self.shown.hits for h in line]),
                "learned": supports(learned, self.shown),
                "learned_rise": reading.supports((learned, rise), self.shown),
            },
            self.shown,
            less={"learned_rise": "learned"},
        )
        return both | {"fitted": rise.fitted}

    def _chains(self) -> dict[str, tuple[Filter, ...]]:
        budget = next((c for c in self.settings.filters if c.name == "budget"), None)
        last = self._filter("budget") if budget is None else self._built((budget,))[0]
        return {
            "none": (),
            "default": self._built(self.settings.filters),
            "threshold, budget": (self._filter("threshold"), last),
        }

    def _filter(self, name: str, expert: Expert | None = None) -> Filter:
        return self._built((Component(name=name),), expert)[0]

    def _built(
        self, components: tuple[Component, ...], expert: Expert | None = None
    ) -> tuple[Filter, ...]:
        some = self.settings.model_copy(update={"filters": components})
        return load_filters(some, self.embedder, expert)


def _newest(name: str) -> dict[str, Any]:
    """Figures of the newest result of a name; of none if there is no result."""
    paths = sorted(RESULTS.glob(f"????-??-??-{name}.json"))
    if not paths:
        return {"models": {}}
    found: dict[str, Any] = json.loads(paths[-1].read_text(encoding="utf-8"))["figures"]
    return found


def _held(data: Path, file: str, limit: int) -> list[Question]:
    return read_data([str(data / file)], limit=limit, held_out=True).questions


def _found(
    settings: Settings, questions: Sequence[Question], embedder: Embedder, indexes: Sequence[Index]
) -> Lines:
    retriever = RETRIEVERS.build(settings.retriever.name, k=_TIMED)
    queries = make_queries([question.text for question in questions], embedder)
    found = retriever.retrieve(queries, indexes)
    return Lines(
        [question for question, line in zip(questions, found, strict=True) if line],
        [line for line in found if line],
    )


def _given_anew(lines: Lines, embedder: Embedder, indexes: Sequence[Index]) -> Lines:
    """Passages as if questions came with them: nothing is known of who found them, and why."""
    asked = [
        replace(question, contexts=tuple(hit.passage for hit in line))
        for question, line in zip(lines.questions, lines.hits, strict=True)
    ]
    return lines_of(asked, embedder, indexes)


def _untaught(embedder: Embedder) -> dict[str, float]:
    """AUROC of `learned` on each set that it learned from, having learned from the others."""
    artefact = shipped("filter", "learned", embedder.fingerprint)
    return {} if artefact is None else dict(artefact.card.notes.get("auroc_untaught_set", {}))


if __name__ == "__main__":
    main()
