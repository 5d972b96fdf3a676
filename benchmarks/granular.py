"""`granular` and `scenario` beside the plain retrievers, on real pages and questions.

    python -m benchmarks.granular --data FOLDER [--pages 16] [--limit 200] [--taught 361]

Two indexes of the same pages, one of passages of the usual size and one of half of it with the
router of `granular` fitted on one half of the questions; the other half is what they are measured
on. What a retriever finds is judged by the page (nDCG, recall), and by whether an accepted answer
stands in what the first so many hits, or the first so many tokens of them, show of the right page:
larger passages say more, but cost more to read.

The questions of the first half are also given to the pages, as questions that they answer, for
`scenario`.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from benchmarks.granular_corpora import Asked, document_of, pages_of, read_asked, write_documents
from benchmarks.granular_figures import measured
from benchmarks.record import record
from rag_router.assembly import load_embedder
from rag_router.cli.options import fetch_announced
from rag_router.eval.datasets import data_hash, sample
from rag_router.eval.granularity import fit_granular
from rag_router.indices import Index, Library
from rag_router.indices.granularity import LEVELS, GranularChunker
from rag_router.indices.scenarios import given_questions, open_scenarios, write_scenarios
from rag_router.models.base import Embedder
from rag_router.retrievers import RETRIEVERS, Retriever, make_queries
from rag_router.retrievers.granularity_router import METHOD, GranularityRouter
from rag_router.settings import Settings

_USUAL, _FINE = "granular-usual", "granular-fine"


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--pages", default=16, show_default=True, help="Long pages.")
@click.option("--limit", default=200, show_default=True, help="Most questions of a set and half.")
@click.option("--taught", type=int, help="Most questions to fit the router on; all by default.")
def main(data: Path, pages: int, limit: int, taught: int | None) -> None:
    """Index, fit, measure and record."""
    settings = Settings()
    embedder = load_embedder(settings, fetch=fetch_announced)
    library = Library(settings.home)
    asked = read_asked(data, pages=pages, limit=limit)
    found = pages_of(data, [*asked.taught, *asked.held])
    documents = write_documents(found, settings.home / "granular" / "pages.jsonl", _said(asked))
    chunkers = {_USUAL: None, _FINE: GranularChunker()}
    for name, chunker in chunkers.items():
        library.add(name, [documents], embedder, chunker, cleanup="full")
    figures: dict[str, Any] = {"pages": len(found), "held_out": len(asked.held)}
    with (
        closing(library.open(_USUAL, embedder)) as usual,
        closing(library.open(_FINE, embedder)) as fine,
    ):
        figures["passages"] = {"usual": len(usual), "fine": len(fine)}
        _told("fitting the router")
        learned = asked.taught if taught is None else sample(asked.taught, taught)
        artefact = fit_granular(fine, embedder, learned, on_progress=_moved)
        router = GranularityRouter.of(artefact, Path(_FINE), method=METHOD)
        figures["router"] = dict(artefact.card.metrics) | dict(artefact.card.notes)
        usual.scenarios = _given(library, usual, embedder)
        compared: dict[str, tuple[Retriever, Index]] = {
            "sparse": (RETRIEVERS.build("sparse", k=10), usual),
            "dense": (RETRIEVERS.build("dense", k=10), usual),
            "fused": (RETRIEVERS.build("fused", k=10), usual),
            "fused, fine": (RETRIEVERS.build("fused", k=10), fine),
            "granular": (RETRIEVERS.build("granular", k=10, router=router), fine),
            "granular, no router": (RETRIEVERS.build("granular", k=10), fine),
            **{f"granular, only level {n + 1}": (_only(n), fine) for n in range(LEVELS)},
            "scenario, given": (RETRIEVERS.build("scenario", k=10), usual),
        }
        queries = make_queries([question.text for question in asked.held], embedder)
        rows = figures["retrievers"] = {}
        for name, (retriever, index) in compared.items():
            rows[name] = measured(retriever, index, embedder, asked.held, queries)
            _told(f"{name}: {rows[name]}")
    record(
        "granular",
        figures,
        data_hash=data_hash([*asked.taught, *asked.held]),
        models={embedder.name: embedder.fingerprint},
    )


def _said(asked: Asked) -> dict[str, list[str]]:
    """The questions to learn from, by the page that answers them."""
    said: dict[str, list[str]] = {}
    for question in asked.taught:
        said.setdefault(document_of(question), []).append(question.text)
    return said


def _given(library: Library, index: Index, embedder: Embedder) -> Index | None:
    passages = {p.id: p for p in index.passages(range(len(index)))}
    write_scenarios(library, index.name, given_questions(index, embedder), passages, embedder)
    return open_scenarios(library, index.name, embedder)


def _only(level: int) -> Retriever:
    return RETRIEVERS.build("granular", k=10, weights=[float(n == level) for n in range(LEVELS)])


def _moved(done: int, of: int) -> None:
    if done % 20 == 0:
        _told(f"{done} of {of} questions labelled")


def _told(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
