"""`rag-router filter`: fit and show filters."""

from __future__ import annotations

from pathlib import Path

import click

from rag_router.cli.fitting import data_options, publish, read_labelled, require_free, show_artefact
from rag_router.cli.options import (
    as_json,
    config_option,
    fetch_announced,
    progress,
    settings_from,
)

__all__ = ["filters"]


@click.group("filter")
def filters() -> None:
    """Fit and show filters: which of what was found is worth reading?"""


@filters.command()
@click.argument("name")
@data_options()
@config_option
@click.option("--index", "indexes", multiple=True, required=True, metavar="NAME")
@as_json
def fit(
    name: str,
    paths: tuple[str, ...],
    limit: int | None,
    seed: int,
    out: Path,
    config: Path | None,
    indexes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Fit the filter NAME on what the retriever finds in the indexes."""
    settings = settings_from(config, indexes=indexes)
    from rag_router.assembly import load_embedder, load_retriever, open_indexes
    from rag_router.errors import UsageError
    from rag_router.eval.fitting import fit_threshold
    from rag_router.filters import FILTERS
    from rag_router.filters.threshold import ThresholdFilter

    built = FILTERS.build(name)
    if not isinstance(built, ThresholdFilter):
        raise UsageError(f"the filter {name!r} has nothing to fit.", hint="Fit threshold.")
    require_free(out)
    data = read_labelled(paths, limit=limit)
    embedder = load_embedder(settings, fetch=fetch_announced)
    opened = open_indexes(settings, embedder)
    retriever = load_retriever(settings.retriever, embedder, opened.values())
    bar, move = progress("searching")
    with bar:
        artefact = fit_threshold(
            built,
            embedder,
            retriever,
            list(opened.values()),
            data.questions,
            seed=seed,
            on_progress=move,
        )
    data.verify()
    publish(artefact, out, as_json=as_json)


@filters.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@as_json
def show(folder: Path, as_json: bool) -> None:
    """Show the card of a fitted filter."""
    show_artefact(folder, as_json=as_json)
