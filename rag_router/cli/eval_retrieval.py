"""`rag-router eval retrieval`: which retriever finds what is relevant, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_router.cli.evaluate.common import DataSet, finish, require_report
from rag_router.cli.options import (
    as_json,
    config_option,
    fetch_announced,
    progress,
    settings_from,
)
from rag_router.errors import UsageError

if TYPE_CHECKING:
    from rag_router.models.base import Embedder
    from rag_router.retrievers import Retriever
    from rag_router.settings import Settings

__all__ = ["retrieval"]

_USUAL = ("sparse", "dense")
"""What is measured beside the retriever of the settings: these need no model of their own."""


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder with queries and qrels (BEIR's or TREC's or ours), file of queries, or "
    "questions with gold passages.",
)
@click.option(
    "--qrels",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What is relevant, where it stands in a file of its own.",
)
@click.option("--index", "indexes", multiple=True, metavar="NAME", help="Search only this index.")
@click.option("--retriever", "names", multiple=True, metavar="NAME", help="Measure only this one.")
@click.option("--limit", type=click.IntRange(min=1), help="Most queries.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the report: a page, figures and their data.",
)
@config_option
@as_json
@click.pass_context
def retrieval(
    context: click.Context,
    data: Path,
    qrels: Path | None,
    indexes: tuple[str, ...],
    names: tuple[str, ...],
    limit: int | None,
    out: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Compare retrievers: which finds the documents that are relevant?

    Documents are judged, passages are indexed: a document ranks where its best passage does.
    Without --retriever, sparse, dense and the retriever of the settings are measured.
    """
    settings = settings_from(config, indexes=indexes)
    retrievers = _retrievers(settings, names)
    require_report(out)
    from rag_router.assembly import index_names, open_indexes
    from rag_router.eval.manifest import manifest
    from rag_router.eval.metrics.ranking import ranking_figures
    from rag_router.eval.readers import snapshot
    from rag_router.eval.relevance import missing_documents, read_relevance
    from rag_router.eval.retrieval import measure_retrieval, retrieval_summary
    from rag_router.eval.retrieval_report import retrieval_report
    from rag_router.indices.addition import check_encoder

    files = snapshot(_files(data, qrels))
    given = read_relevance(data, qrels, limit=limit)
    if not index_names(settings):
        raise UsageError(
            "there is no index to search.",
            hint="Make one: rag-router index add NAME corpus.jsonl.gz",
        )
    # What is wrong with the data or the installation is said before a model is loaded.
    ranking_figures({}, given.qrels)
    opened = list(open_indexes(settings, None).values())
    missing = missing_documents(opened, given.qrels)
    embedder = _embedder(context, settings)
    for index in opened:
        check_encoder(index.manifest, embedder)
    bar, move = progress("searching")
    with bar:
        run = measure_retrieval(
            retrievers, opened, embedder, given.queries, given.qrels, on_progress=move
        )
    summary = retrieval_summary(run) | {"left_out": len(given.unjudged)}
    if missing:
        summary["missing_documents"] = missing
        click.echo(f"{missing} relevant documents are in no index.", err=True)
    read = DataSet(questions=[], sets=[], files=files, paths=(str(data),))
    made_with = manifest(
        settings=settings,
        models=[(embedder.name, embedder.fingerprint)],
        data=[(file.path, file.sha256, len(given.queries)) for file in files],
        extra={
            "indexes": {index.name: index.manifest.generation for index in opened},
            "retrievers": {name: str(retriever) for name, retriever in retrievers.items()},
        },
    )
    report = retrieval_report(run, summary, made_with, title=f"Retrieval on {data.name}")
    finish(report, read, out=out, as_json=as_json)


def _retrievers(settings: Settings, names: Sequence[str]) -> dict[str, Retriever]:
    from rag_router.retrievers import RETRIEVERS

    usual = settings.retriever
    return {
        name: RETRIEVERS.build(name, **(usual.options if name == usual.name else {}))
        for name in dict.fromkeys(names or (*_USUAL, usual.name))
    }


def _embedder(context: click.Context, settings: Settings) -> Embedder:
    if load := (context.obj or {}).get("load_embedder"):
        given: Embedder = load(settings.embedder.model)
        return given
    from rag_router.assembly import load_embedder

    return load_embedder(settings, fetch=fetch_announced)


def _files(data: Path, qrels: Path | None) -> list[Path]:
    """What is read here; the corpus is not, and may be large."""
    if not data.is_dir():
        read = [data]
    else:
        below = sorted(path for path in data.rglob("*") if path.is_file())
        read = [path for path in below if not path.name.startswith("corpus")]
    return read if qrels is None else [*read, qrels]
