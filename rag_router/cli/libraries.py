"""What the commands about indexes share: the library, its embedders, progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.options import print_json
from rag_router.errors import IndexCorruptError, UnknownNameError
from rag_router.settings import default_home

if TYPE_CHECKING:
    from rag_router.indices import Library
    from rag_router.indices.reports import OnProgress
    from rag_router.models.base import Embedder

__all__ = ["embedder_of", "encoder_of", "library_of", "print_row", "showing_progress"]


def library_of(context: click.Context) -> Library:
    """The library of the home that the command works in."""
    from rag_router.indices import Library

    return Library((context.obj or {}).get("home") or default_home())


def encoder_of(library: Library, name: str) -> str:
    """The embedder of an index; empty where there is none, or it cannot be told."""
    try:
        return library.manifest(name).encoder.name
    except (UnknownNameError, IndexCorruptError):
        return ""


def embedder_of(context: click.Context, name: str, *, fetch: bool) -> Embedder:
    """Load an embedder.

    Args:
        context: Of the command.
        name: Of the model.
        fetch: Whether it is fetched where it is not there yet.
    """
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
def showing_progress() -> Iterator[OnProgress]:
    """Yield what shows how far a writer has come, on standard error."""
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


def print_row(row: dict[str, Any], sentence: str, as_json: bool) -> None:
    """Print a JSON document, or the sentence that says the same to people."""
    if as_json:
        print_json(row)
    else:
        click.echo(sentence)
