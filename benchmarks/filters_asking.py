"""What do filters that ask a model keep of real passages? Both bundled generators.

    python -m benchmarks.filters_asking --data FOLDER [--limit 60] [--fit 40] [--filter NAME]...

The best passages that BM25 found for held-out questions of nq_gold, judged by every filter that
asks the generator; the generator reads what is kept, and "none" is what it answers from all of
them. AUROC is of each passage's support against whether it holds an accepted answer. Filters that
learn do so from other questions, as many as `--fit` says; no other filter is fitted, which changes
no rank. Figures are recorded after every filter, so that a run that is stopped has not been in
vain: the next one goes on behind them, for the same questions and on the same day. Answers are
kept in the home's outcome cache.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import record as results
from benchmarks.record import record
from rag_router.assembly import load_expert
from rag_router.cli.evaluate.common import read_data
from rag_router.cli.evaluate.kept import Kept
from rag_router.eval.datasets import data_hash
from rag_router.eval.filtering import evaluate_filters, filter_summary
from rag_router.experts import Expert
from rag_router.filters import FILTERS, Filter, FilterContext
from rag_router.filters.studying import StudyingFilter
from rag_router.scoring import holds_answer
from rag_router.settings import GeneratorSettings, Settings
from rag_router.signals import Board
from rag_router.types import Hit, Judged, Passage, Question

MODELS = ("smollm2-135m-instruct", "gemma-3-270m")
FILTERS_ASKING = (
    "filco_lexical",
    "representation",
    "representation_contrastive",
    "notes",
    "self_information",
    "filco",
    "irrelevance_prompt",
)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--limit", default=60, show_default=True, help="Most held-out questions.")
@click.option("--fit", default=40, show_default=True, help="Most questions that are learned from.")
@click.option("--top", default=5, show_default=True, help="Passages of each question.")
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
@click.option("--filter", "names", multiple=True, default=FILTERS_ASKING, show_default=True)
@click.option("--name", default="filters-asking", show_default=True, help="Of the result.")
def main(
    data: Path,
    limit: int,
    fit: int,
    top: int,
    models: tuple[str, ...],
    names: tuple[str, ...],
    name: str,
) -> None:
    """Measure, print and record."""
    path = str(data / "nq_gold/retrieved_bm25.jsonl.gz")
    held = read_data([path], limit=limit, held_out=True).questions
    kept_back = {question.id for question in read_data([path], limit=None, held_out=True).questions}
    every = read_data([path], limit=None, held_out=False).questions
    taught = [question for question in every if question.id not in kept_back][:fit]
    texts = _texts(data / "wiki_passages", [*held, *taught], top)
    about = {"n": len(held), "fitted_on": len(taught), "passages": top}
    figures = _so_far(name, about, data_hash(held), results.RESULTS) or about
    fingerprints = {}
    for model in models:
        settings = Settings(generator=GeneratorSettings(model=model, batch_size=16))
        expert = load_expert(settings)
        fingerprints[model] = expert.model.fingerprint
        rows = figures.setdefault(model, {})
        with Kept.of(settings, use_cache=True) as kept:
            for one in (each for each in ("none", *names) if each not in rows):
                chain = () if one == "none" else (_taught(one, expert, taught, texts),)
                run = evaluate_filters(
                    {one: chain},
                    expert,
                    held,
                    [texts[question.id] for question in held],
                    cache=kept.outcomes,
                    batch_size=16,
                )
                rows[one] = filter_summary(run)["filters"][one]
                record(name, figures, data_hash=data_hash(held), models=fingerprints)


def _so_far(
    name: str, about: dict[str, Any], questions: str, folder: Path
) -> dict[str, Any] | None:
    """What an earlier run of today found about the same questions; None if there was none."""
    day = datetime.now(UTC).date().isoformat()
    path = folder / f"{day}-{name}.json"
    if not path.is_file():
        return None
    before = json.loads(path.read_text(encoding="utf-8"))
    figures: dict[str, Any] = before["figures"]
    same = about.items() <= figures.items() and before["manifest"]["data_hash"] == questions
    return figures if same else None


def _texts(folder: Path, questions: Sequence[Question], top: int) -> dict[str, list[Hit]]:
    """Look up what was found, which the set has by its ids only."""
    wanted = {one.id for question in questions for one in question.contexts[:top]}
    found: dict[str, Passage] = {}
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                if row["id"] in wanted:
                    found[row["id"]] = Passage(id=row["id"], title=row["title"], text=row["text"])
    return {
        question.id: [
            Hit(passage=found[one.id], retriever="bm25", score=1 / rank, rank=rank)
            for rank, one in enumerate(question.contexts[:top], start=1)
        ]
        for question in questions
    }


def _taught(
    name: str, expert: Expert, questions: Sequence[Question], texts: dict[str, list[Hit]]
) -> Filter:
    built = FILTERS.build(name)
    if not isinstance(built, StudyingFilter):
        return built
    model = expert.model
    board = Board(model, expert.style, questions, batch_size=16)
    context = FilterContext(
        lambda text: len(model.encode(text, begin=False)), board, tuple(range(len(questions)))
    )
    judged = [[Judged(hit=hit) for hit in texts[question.id]] for question in questions]
    columns = built.columns([question.text for question in questions], judged, context)
    helpful = [
        holds_answer(one.hit.passage.text, question.answers)
        for question, line in zip(questions, judged, strict=True)
        for one in line
    ]
    owner = [number for number, line in enumerate(judged) for _ in line]
    return built.study(np.vstack(columns), np.array(helpful), np.array(owner))


if __name__ == "__main__":
    main()
