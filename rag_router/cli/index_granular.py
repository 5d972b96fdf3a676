"""`rag-router index fit-granular`: which granularity a question needs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from rag_router.cli.fitting import data_options, publish, read_labelled, require_free
from rag_router.cli.libraries import embedder_of, library_of
from rag_router.cli.options import as_json, progress

__all__ = ["fit_granular"]


@click.command("fit-granular")
@click.argument("name")
@data_options()
@as_json
@click.pass_context
def fit_granular(
    context: click.Context,
    name: str,
    *,
    paths: tuple[str, ...],
    limit: int | None,
    seed: int,
    out: Path,
    as_json: bool,
) -> None:
    """Fit the router of the retriever `granular` on questions about the index NAME.

    Name the folder in the settings: [retriever] name = "granular", artefact = "OUT".
    """
    from rag_router.eval.granularity import fit_granular as fit

    require_free(out)
    data = read_labelled(paths, limit=limit)
    library = library_of(context)
    embedder = embedder_of(context, library.manifest(name).encoder.name, fetch=False)
    bar, move = progress("labelling")
    with bar, closing(library.open(name, embedder)) as index:
        artefact = fit(index, embedder, data.questions, seed=seed, on_progress=move)
    data.verify()
    publish(artefact, out, as_json=as_json)
