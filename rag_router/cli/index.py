"""`rag-router index`: add documents, search them, check, go back, remove.

With `--json` one document goes to stdout; progress and questions always go to stderr.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from rag_router.cli.index_granular import fit_granular
from rag_router.cli.index_memory import fit_memory, remember
from rag_router.cli.index_scenarios import scenarios
from rag_router.cli.index_search import search
from rag_router.cli.index_share import share
from rag_router.cli.index_upkeep import compact, delete, restore
from rag_router.cli.libraries import (
    embedder_of,
    encoder_of,
    library_of,
    print_row,
    showing_progress,
)
from rag_router.cli.options import as_json, config_option, print_json
from rag_router.settings import EmbedderSettings, load_settings
from rag_router.text import as_data

if TYPE_CHECKING:
    from rag_router.indices.chunking import Chunker
    from rag_router.indices.cleanup import Cleanup
    from rag_router.indices.reports import IndexCard

__all__ = ["index"]


@click.group()
def index() -> None:
    """Make documents searchable: text, Markdown, HTML, PDF, Word, CSV and JSON Lines."""


_COMMANDS = (compact, delete, fit_granular, fit_memory, remember, restore, scenarios, search, share)
for _command in _COMMANDS:
    index.add_command(_command)


@index.command()
@click.argument("name")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@click.option("--embedder", "embedder_name", metavar="MODEL", help="What embeds the passages.")
@click.option(
    "--cleanup",
    type=click.Choice(["incremental", "scoped", "full"]),
    default="incremental",
    show_default=True,
    help="What goes: old versions of what is given; also what came from these paths before and "
    "is not there any more; or everything that is not given.",
)
@click.option("--keep-going", is_flag=True, help="Report broken files and leave them out.")
@click.option(
    "--chunker",
    "chunker_name",
    metavar="NAME",
    help="What cuts the passages: sentence, heading or granular.  [default: as before, sentence]",
)
@click.option(
    "--passage-tokens",
    type=click.IntRange(min=8),
    help="Most tokens in a passage.  [default: the chunker's]",
)
@config_option
@as_json
@click.pass_context
def add(
    context: click.Context,
    name: str,
    paths: tuple[Path, ...],
    *,
    embedder_name: str | None,
    cleanup: str,
    keep_going: bool,
    chunker_name: str | None,
    passage_tokens: int | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Add files and folders to the index NAME, which is made when it is not there.

    What is there already and has not changed costs nothing. An addition that was interrupted
    goes on where it stopped when the same command is given again. A broken file is an error, and
    nothing is added, unless --keep-going leaves it out. What is too large, too long or too deep
    to be read is said in the settings under [documents].
    """
    from rag_router.indices.walking import find_files

    library = library_of(context)
    embedder_name = embedder_name or encoder_of(library, name) or EmbedderSettings().model
    limits = load_settings(config).documents
    chunker = _chunker(chunker_name, passage_tokens)
    find_files(paths, keep_going=keep_going)  # a misspelt path should not cost a model's fetch
    embedder = embedder_of(context, embedder_name, fetch=True)
    with showing_progress() as show:
        report = library.add(
            name,
            paths,
            embedder,
            chunker,
            on_progress=show,
            cleanup=cast("Cleanup", cleanup),
            keep_going=keep_going,
            limits=limits,
        )
    if as_json:
        print_json({"index": name, **asdict(report)})
        return
    for skipped in report.skipped:
        what = "BROKEN" if skipped.broken else "passed over"
        reason = as_data(f"{skipped.place}: {skipped.count} x {skipped.reason}")
        click.echo(f"{what}: {reason}", err=True)
    click.echo(
        f"{name}: {report.added} added, {report.replaced} replaced, "
        f"{report.removed} removed, {report.unchanged} unchanged; "
        f"{report.passages} passages in generation {report.generation}."
    )


@index.command("list")
@as_json
@click.pass_context
def list_indices(context: click.Context, as_json: bool) -> None:
    """Show all indices."""
    cards = library_of(context).cards()
    if as_json:
        print_json({"indices": [asdict(card) for card in cards]})
        return
    for card in cards:
        click.echo(
            f"{card.name}: {card.problem}"
            if card.problem
            else f"{card.name}: {card.documents} documents, {card.passages} passages, "
            f"{card.encoder}, generation {card.generation} of {card.created}, "
            f"{card.size_bytes / 1e6:.1f} MB, {_vectors(card)}"
        )
    if not cards:
        click.echo("No index yet. Make one: rag-router index add NAME PATH", err=True)


@index.command()
@click.argument("name")
@as_json
@click.pass_context
def documents(context: click.Context, name: str, as_json: bool) -> None:
    """Show the documents of an index."""
    found = library_of(context).documents(name)
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
    manifest = library_of(context).verify(name)
    row = {
        "index": name,
        "ok": True,
        "generation": manifest.generation,
        "documents": manifest.documents,
        "passages": manifest.passages,
    }
    print_row(row, f"{name}: generation {manifest.generation} is whole.", as_json)


@index.command()
@click.argument("name")
@as_json
@click.pass_context
def rollback(context: click.Context, name: str, as_json: bool) -> None:
    """Go back to the generation before the last addition."""
    manifest = library_of(context).rollback(name)
    row = {
        "index": name,
        "generation": manifest.generation,
        "documents": manifest.documents,
        "passages": manifest.passages,
    }
    print_row(row, f"{name}: back at generation {manifest.generation}.", as_json)


@index.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def remove(context: click.Context, name: str, yes: bool, as_json: bool) -> None:
    """Delete an index with all its generations."""
    library = library_of(context)
    if not yes:
        click.confirm(f"Delete index {name} from {library.folder}?", abort=True, err=True)
    library.remove(name)
    print_row({"index": name, "removed": True}, f"{name}: removed.", as_json)


def _chunker(name: str | None, passage_tokens: int | None) -> Chunker | None:
    """Build the chunker that was asked for; None is the one the index has, or the usual."""
    from rag_router.indices import CHUNKERS

    if name is None and passage_tokens is None:
        return None
    options: dict[str, Any] = {}
    if passage_tokens is not None:
        options["max_tokens"] = passage_tokens
        if (name or "sentence") == "sentence":
            options["overlap_tokens"] = min(24, passage_tokens // 8)
    return CHUNKERS.build(name or "sentence", **options)


def _vectors(card: IndexCard) -> str:
    if card.vectors == "flat":
        return "flat vectors"
    return f"{card.vectors} vectors, recall@10 {card.recall_at_10:.3f}"
