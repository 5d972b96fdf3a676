"""`rag-router index`: add documents, search them, check, go back, remove.

With `--json` one document goes to stdout; progress and questions always go to stderr.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.options import as_json, print_json
from rag_router.errors import IndexCorruptError, UnknownNameError
from rag_router.settings import EmbedderSettings, default_home
from rag_router.text import as_data

if TYPE_CHECKING:
    from rag_router.indices import Library
    from rag_router.indices.reports import OnProgress
    from rag_router.models.base import Embedder
    from rag_router.types import Hit

__all__ = ["index"]


@click.group()
def index() -> None:
    """Make documents searchable: .txt, .md, .jsonl and .jsonl.gz."""


@index.command()
@click.argument("name")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@click.option("--embedder", "embedder_name", metavar="MODEL", help="What embeds the passages.")
@as_json
@click.pass_context
def add(
    context: click.Context,
    name: str,
    paths: tuple[Path, ...],
    embedder_name: str | None,
    as_json: bool,
) -> None:
    """Add files and folders to the index NAME, which is made when it is not there.

    What is there already and has not changed costs nothing. An addition that was interrupted
    goes on where it stopped when the same command is given again.
    """
    from rag_router.indices.walking import find_files

    library = _library(context)
    embedder_name = embedder_name or _encoder_of(library, name) or EmbedderSettings().model
    find_files(paths)  # a misspelt path should not cost the fetch of a model
    embedder = _embedder(context, embedder_name, fetch=True)
    with _progress() as show:
        report = library.add(name, paths, embedder, on_progress=show)
    if as_json:
        print_json({"index": name, **asdict(report)})
        return
    for skipped in report.skipped:
        click.echo(f"passed over: {skipped.place}: {skipped.count} x {skipped.reason}", err=True)
    click.echo(
        f"{name}: {report.added} added, {report.replaced} replaced, {report.unchanged} unchanged; "
        f"{report.passages} passages in generation {report.generation}."
    )


@index.command("list")
@as_json
@click.pass_context
def list_indices(context: click.Context, as_json: bool) -> None:
    """Show all indices."""
    cards = _library(context).cards()
    if as_json:
        print_json({"indices": [asdict(card) for card in cards]})
        return
    for card in cards:
        click.echo(
            f"{card.name}: {card.problem}"
            if card.problem
            else f"{card.name}: {card.documents} documents, {card.passages} passages, "
            f"{card.encoder}, generation {card.generation} of {card.created}, "
            f"{card.size_bytes / 1e6:.1f} MB"
        )
    if not cards:
        click.echo("No index yet. Make one: rag-router index add NAME PATH", err=True)


@index.command()
@click.argument("name")
@click.argument("query")
@click.option("-k", "k", default=8, show_default=True, help="Most passages to show.")
@click.option("--retriever", default="fused", show_default=True, help="What searches.")
@as_json
@click.pass_context
def search(
    context: click.Context, name: str, query: str, *, k: int, retriever: str, as_json: bool
) -> None:
    """Show the passages that a retriever finds for QUERY."""
    from rag_router.retrievers import RETRIEVERS, make_queries

    library = _library(context)
    built = RETRIEVERS.build(retriever, k=k)
    embedder = _embedder(context, library.manifest(name).encoder.name, fetch=False)
    with closing(library.open(name, embedder)) as opened:
        hits = built.retrieve(make_queries([query], embedder), [opened])[0]
    if as_json:
        rows = [_hit_row(hit) for hit in hits]
        print_json({"index": name, "query": query, "retriever": retriever, "hits": rows})
        return
    for hit in hits:
        # Documents come from outside: what they hold must not steer the terminal.
        click.echo(f"{hit.rank}. {as_data(hit.passage.title)} [{as_data(hit.passage.id)}]")
        click.echo(f"   {as_data(hit.passage.text)}")
        click.echo(f"   score {hit.score:.4f}: {as_data(hit.why)}")
    if not hits:
        click.echo("Nothing found.", err=True)


@index.command()
@click.argument("name")
@as_json
@click.pass_context
def documents(context: click.Context, name: str, as_json: bool) -> None:
    """Show the documents of an index."""
    found = _library(context).documents(name)
    if as_json:
        rows = [asdict(document) | {"passages": len(document.passages)} for document in found]
        print_json({"index": name, "documents": rows})
        return
    for document in found:
        title, source = as_data(document.title), as_data(document.source)
        click.echo(f"{as_data(document.id)}: {title} ({len(document.passages)} passages, {source})")


@index.command()
@click.argument("name")
@as_json
@click.pass_context
def verify(context: click.Context, name: str, as_json: bool) -> None:
    """Compare all files of an index with what was published."""
    manifest = _library(context).verify(name)
    row = {
        "index": name,
        "ok": True,
        "generation": manifest.generation,
        "documents": manifest.documents,
        "passages": manifest.passages,
    }
    _print(row, f"{name}: generation {manifest.generation} is whole.", as_json)


@index.command()
@click.argument("name")
@as_json
@click.pass_context
def rollback(context: click.Context, name: str, as_json: bool) -> None:
    """Go back to the generation before the last addition."""
    manifest = _library(context).rollback(name)
    row = {
        "index": name,
        "generation": manifest.generation,
        "documents": manifest.documents,
        "passages": manifest.passages,
    }
    _print(row, f"{name}: back at generation {manifest.generation}.", as_json)


@index.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def remove(context: click.Context, name: str, yes: bool, as_json: bool) -> None:
    """Delete an index with all its generations."""
    library = _library(context)
    if not yes:
        click.confirm(f"Delete index {name} from {library.folder}?", abort=True, err=True)
    library.remove(name)
    _print({"index": name, "removed": True}, f"{name}: removed.", as_json)


def _library(context: click.Context) -> Library:
    from rag_router.indices import Library

    return Library((context.obj or {}).get("home") or default_home())


def _encoder_of(library: Library, name: str) -> str:
    """The embedder of an index; empty where there is none, or it cannot be told."""
    try:
        return library.manifest(name).encoder.name
    except (UnknownNameError, IndexCorruptError):
        return ""


def _embedder(context: click.Context, name: str, *, fetch: bool) -> Embedder:
    if load := (context.obj or {}).get("load_embedder"):
        given: Embedder = load(name)
        return given
    from rag_router.cli.models import fetch_showing_progress
    from rag_router.models.embedder import load_embedder
    from rag_router.models.store import ModelStore

    store = ModelStore()
    if fetch and not store.is_present(name):
        fetch_showing_progress(store, name)
    return load_embedder(store.resolve(name))


@contextmanager
def _progress() -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from rag_router.indices import Progress as Step

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bars: dict[str, Any] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def show(step: Step) -> None:
            if step.stage not in bars:
                bars[step.stage] = progress.add_task(step.stage)
            progress.update(bars[step.stage], completed=step.done, total=step.total)

        yield show


def _hit_row(hit: Hit) -> dict[str, Any]:
    return {
        "id": hit.passage.id,
        "title": hit.passage.title,
        "text": hit.passage.text,
        "document_id": hit.passage.document_id,
        "start": hit.passage.start,
        "retriever": hit.retriever,
        "score": round(hit.score, 6),
        "rank": hit.rank,
        "similarity": None if hit.similarity is None else round(hit.similarity, 6),
        "why": hit.why,
    }


def _print(row: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        click.echo(sentence)
