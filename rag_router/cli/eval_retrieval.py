"""`rag-router eval retrieval`: which retriever finds what is relevant, and how fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    from rag_router.eval.readers import RetrievalSet, Snapshot
    from rag_router.models.base import Embedder
    from rag_router.retrievers import Retriever, Searchable
    from rag_router.settings import Settings

__all__ = ["retrieval"]

_USUAL = ("sparse", "dense")
"""What is measured beside the retriever of the settings: these need no model of their own."""


@click.command()
@click.option(
    "--data",
    "paths",
    multiple=True,
    required=True,
    metavar="[EXPERT=]PATH",
    help="Folder with queries and qrels (BEIR's or TREC's or ours), file of queries, or "
    "questions with gold passages; may be given several times, each with the expert that its "
    "queries belong to.",
)
@click.option(
    "--qrels",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What is relevant, where it stands in a file of its own.",
)
@click.option("--index", "indexes", multiple=True, metavar="NAME", help="Search only this index.")
@click.option("--retriever", "names", multiple=True, metavar="NAME", help="Measure only this one.")
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Measure routing by this fitted router too, and by all and by an oracle beside it.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Most queries of each set.")
@click.option("--held-out", is_flag=True, help="Only the half that fitting leaves out (by id).")
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
    paths: tuple[str, ...],
    qrels: Path | None,
    indexes: tuple[str, ...],
    names: tuple[str, ...],
    routes: tuple[Path, ...],
    limit: int | None,
    held_out: bool,
    out: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Compare retrievers: which finds the documents that are relevant?

    Documents are judged, passages are indexed: a document ranks where its best passage does.
    Without --retriever, sparse, dense and the retriever of the settings are measured. Where
    several sets are given, each with its expert, the figures of each stand beside the whole's, and
    routers are told right from wrong. An index is asked with the embedder that it was built with,
    and the retriever scenario uses the questions that stand beside it.
    """
    settings = settings_from(config, indexes=indexes)
    retrievers = _retrievers(settings, names)
    require_report(out)
    from rag_router.assembly import index_names, open_indexes
    from rag_router.eval.manifest import manifest
    from rag_router.eval.metrics.ranking import ranking_figures
    from rag_router.eval.relevance import missing_documents
    from rag_router.eval.retrieval import measure_retrieval, retrieval_summary
    from rag_router.eval.retrieval_report import retrieval_report

    files, given, fields = _read(paths, qrels, limit=limit, held_out=held_out)
    if not index_names(settings):
        raise UsageError(
            "there is no index to search.",
            hint="Make one: rag-router index add NAME corpus.jsonl.gz",
        )
    # What is wrong with the data or the installation is said before a model is loaded.
    ranking_figures({}, given.qrels)
    missing = missing_documents(list(open_indexes(settings, None).values()), given.qrels)
    embedder = _embedder(context, settings)
    # Again, each with what embeds questions for it and with the questions that it answers.
    opened = list(open_indexes(settings, embedder).values())
    encoders = [embedder, *(index.encoder for index in opened if index.encoder is not None)]
    retrievers = _loaded(settings, retrievers, embedder)
    retrievers |= _routed(settings, routes, embedder, opened, given.queries, fields)
    bar, move = progress("searching")
    with bar:
        run = measure_retrieval(
            retrievers,
            opened,
            embedder,
            given.queries,
            given.qrels,
            fields=fields,
            on_progress=move,
        )
    summary = retrieval_summary(run) | {"left_out": len(given.unjudged)}
    if missing:
        summary["missing_documents"] = missing
        click.echo(f"{missing} relevant documents are in no index.", err=True)
    read = DataSet(questions=[], sets=[], files=files, paths=paths)
    made_with = manifest(
        settings=settings,
        models=sorted({(encoder.name, encoder.fingerprint) for encoder in encoders}),
        data=[(file.path, file.sha256, len(given.queries)) for file in files],
        extra={
            "indexes": {index.name: index.manifest.generation for index in opened},
            "retrievers": {name: str(retriever) for name, retriever in retrievers.items()},
        },
    )
    title = f"Retrieval on {', '.join(_name_and_path(path)[1].name for path in paths)}"
    report = retrieval_report(run, summary, made_with, title=title)
    finish(report, read, out=out, as_json=as_json)


def _retrievers(settings: Settings, names: Sequence[str]) -> dict[str, Retriever]:
    from rag_router.retrievers import RETRIEVERS

    usual = settings.retriever
    return {
        name: RETRIEVERS.build(name, **(usual.options if name == usual.name else {}))
        for name in dict.fromkeys(names or (*_USUAL, usual.name))
    }


def _loaded(
    settings: Settings, retrievers: Mapping[str, Retriever], embedder: Embedder
) -> dict[str, Retriever]:
    """Give each retriever what it works with, and that of the settings what it learned."""
    from rag_router.assembly import load_retriever
    from rag_router.settings import Component

    usual = settings.retriever
    return {
        name: load_retriever(usual if name == usual.name else Component(name=name), embedder)
        for name in retrievers
    }


def _routed(
    settings: Settings,
    routes: Sequence[Path],
    embedder: Embedder,
    indices: Sequence[Searchable],
    queries: Mapping[str, str],
    fields: Mapping[str, str] | None,
) -> dict[str, Retriever]:
    """Return a row for each fitted router, for all experts and for an oracle.

    Raises:
        ArtefactError: a router is broken, or was fitted with another embedder.
        SettingsError: a router has learned nothing of one of the experts.
    """
    if not routes:
        return {}
    from dataclasses import replace

    from rag_router.artefacts import Artefact
    from rag_router.retrievers import RETRIEVERS
    from rag_router.retrievers.routed import RoutedRetriever
    from rag_router.retrievers.routing import ROUTERS
    from rag_router.retrievers.routing.experts import experts_of
    from rag_router.retrievers.routing.loading import METHOD, check_experts, load_router, loaded
    from rag_router.retrievers.routing.oracle import OracleRouter

    built = RETRIEVERS.build(settings.retriever.name, **settings.retriever.options)
    usual = built if isinstance(built, RoutedRetriever) else RoutedRetriever(member=built)
    usual = loaded(replace(usual, artefact=None), embedder)
    rows: dict[str, Retriever] = {"routed/all": replace(usual, router=ROUTERS.build("all"))}
    for folder in routes:
        router = load_router(folder, embedder.fingerprint)
        routed = replace(usual, router=router)
        check_experts(routed, indices)
        method = Artefact.load(folder).card.method.removeprefix(METHOD)
        name = f"routed/{method}"
        rows[name if name not in rows else f"{name} ({folder.name})"] = routed
    experts = {expert.name for expert in experts_of(usual.experts, indices)}
    if fields is not None and set(fields.values()) <= experts:
        right = {queries[query]: (field,) for query, field in fields.items()}
        rows["routed/oracle"] = replace(usual, router=OracleRouter(right=right))
    return rows


def _embedder(context: click.Context, settings: Settings) -> Embedder:
    if load := (context.obj or {}).get("load_embedder"):
        given: Embedder = load(settings.embedder.model)
        return given
    from rag_router.assembly import load_embedder

    return load_embedder(settings, fetch=fetch_announced)


def _read(
    paths: Sequence[str], qrels: Path | None, *, limit: int | None, held_out: bool
) -> tuple[tuple[Snapshot, ...], RetrievalSet, dict[str, str] | None]:
    """Read queries and what is relevant to them.

    Returns:
        The files, the queries of all sets, and the expert each belongs to where that was said.

    Raises:
        UsageError: there are several sets and one file of judgements.
        DataError: something cannot be read, or nothing is relevant to any query.
    """
    from rag_router.errors import DataError
    from rag_router.eval.datasets import is_held_out, sample
    from rag_router.eval.readers import RetrievalSet, snapshot
    from rag_router.eval.relevance import read_relevance
    from rag_router.types import Question

    named = [_name_and_path(path) for path in paths]
    if len(named) > 1 and qrels is not None:
        raise UsageError(
            "judgements of one file belong to one set of queries.",
            hint="Give folders that hold queries and qrels each.",
        )
    files = [file for _, path in named for file in _files(path, qrels)]
    taken = snapshot(list(dict.fromkeys(files)))
    queries: dict[str, str] = {}
    judged: dict[str, Mapping[str, int]] = {}
    fields: dict[str, str] = {}
    unjudged: list[str] = []
    for name, path in named:
        read = read_relevance(path, qrels)
        asked = [Question(id=i, text=text) for i, text in read.queries.items()]
        if held_out:
            asked = [question for question in asked if is_held_out(question.id)]
        kept = [question.id for question in (asked if limit is None else sample(asked, limit))]
        begin = f"{name or path.name}/" if len(named) > 1 else ""
        for id_ in kept:
            queries[begin + id_] = read.queries[id_]
            judged[begin + id_] = read.qrels[id_]
            if name is not None:
                fields[begin + id_] = name
        unjudged += [begin + id_ for id_ in read.unjudged]
    if not queries:
        raise DataError("no query is held out.", hint="Give more queries.")
    given = RetrievalSet(queries=queries, qrels=judged, unjudged=tuple(unjudged))
    return taken, given, fields if len(fields) == len(queries) else None


def _name_and_path(given: str) -> tuple[str | None, Path]:
    """Split what may be EXPERT=PATH; several sets without a name are told apart by theirs."""
    from rag_router.eval.route_fields import split_name

    name, path = split_name(given)
    return (name if str(path) != given else None), path


def _files(data: Path, qrels: Path | None) -> list[Path]:
    """What is read here; the corpus is not, and may be large."""
    if not data.is_dir():
        read = [data]
    else:
        below = sorted(path for path in data.rglob("*") if path.is_file())
        read = [path for path in below if not path.name.startswith("corpus")]
    return read if qrels is None else [*read, qrels]
