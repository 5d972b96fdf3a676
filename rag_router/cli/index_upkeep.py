"""`rag-router index delete|compact|restore`: what keeps an index small, clean and safe."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from rag_router.cli.libraries import library_of, print_row, showing_progress
from rag_router.cli.options import as_json

__all__ = ["compact", "delete", "restore"]


@click.command()
@click.argument("name")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option(
    "--keep-outcomes",
    is_flag=True,
    help="Keep what evaluations remember; it may quote what is deleted.",
)
@as_json
@click.pass_context
def delete(
    context: click.Context, name: str, ids: tuple[str, ...], *, keep_outcomes: bool, as_json: bool
) -> None:
    """Erase documents from an index, with every older generation that holds them.

    Answers that evaluations remember may quote a document, and are forgotten as well. A service
    that runs keeps what it opened: start it again. Backups are yours to delete.
    """
    library = library_of(context)
    with showing_progress() as show:
        erased = library.erase(name, ids, show)
    forgotten = 0
    if not keep_outcomes:
        from rag_router.outcomes.forgetting import forget_all

        forgotten = forget_all(library.folder.parent / "outcomes.sqlite")
    print_row(
        {"index": name, **asdict(erased), "forgotten": forgotten},
        f"{name}: {len(erased.documents)} documents with {len(erased.passages)} passages erased, "
        f"and {forgotten} remembered outcomes; generation {erased.generation} is the only one.",
        as_json,
    )


@click.command()
@click.argument("name")
@as_json
@click.pass_context
def compact(context: click.Context, name: str, as_json: bool) -> None:
    """Write an index anew, in the newest format, and drop its older generations."""
    with showing_progress() as show:
        manifest = library_of(context).compact(name, show)
    size = sum(record.size for record in manifest.files.values())
    row = {
        "index": name,
        "generation": manifest.generation,
        "format": manifest.format,
        "vectors": manifest.vectors.model_dump(),
        "size_bytes": size,
    }
    sentence = (
        f"{name}: generation {manifest.generation} in format {manifest.format}, "
        f"{size / 1e6:.1f} MB."
    )
    print_row(row, sentence, as_json)


@click.command()
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@as_json
@click.pass_context
def restore(context: click.Context, name: str, folder: Path, as_json: bool) -> None:
    """Publish the backup of an index that `rag-router backup DIR` made."""
    manifest = library_of(context).restore(name, folder)
    row = {"index": name, "generation": manifest.generation, "documents": manifest.documents}
    sentence = f"{name}: {manifest.documents} documents restored as generation "
    print_row(row, f"{sentence}{manifest.generation}.", as_json)
