"""`rag-router backup`: copies of indexes that can be opened, or brought back."""

from __future__ import annotations

from pathlib import Path

import click

from rag_router.cli.libraries import library_of, print_row
from rag_router.cli.options import as_json

__all__ = ["backup"]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--index", "indexes", multiple=True, metavar="NAME", help="Only this index.")
@click.option("--forget", is_flag=True, help="DIR was deleted: look for nothing there any more.")
@as_json
@click.pass_context
def backup(
    context: click.Context, folder: Path, indexes: tuple[str, ...], *, forget: bool, as_json: bool
) -> None:
    """Copy indexes into DIR, each checked against its manifest.

    DIR is laid out as a home is: RAG_ROUTER_HOME=DIR opens the copies, and
    `rag-router index restore NAME DIR` brings one back. The home notes where its backups are, so
    that what is erased is erased there, too.
    """
    library = library_of(context)
    if forget:
        from rag_router.indices.backed_up import forget_backup

        known = forget_backup(library.home, folder)
        row = {"folder": str(folder), "forgotten": known}
        print_row(row, f"{folder} is {'forgotten' if known else 'not known'}.", as_json)
        return
    names = indexes or library.names()
    copied = {name: library.backup(name, folder) for name in names}
    row = {
        "folder": str(folder),
        "indexes": {name: manifest.passages for name, manifest in copied.items()},
    }
    print_row(row, f"{len(copied)} indexes in {folder}.", as_json)
