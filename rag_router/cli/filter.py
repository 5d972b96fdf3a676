"""`rag-router filter`: fit and show filters."""

from __future__ import annotations

from pathlib import Path

import click

from rag_router.cli.filter_fit import fitted_filter, fitted_threshold
from rag_router.cli.filter_sufficiency import NAME as SUFFICIENCY
from rag_router.cli.filter_sufficiency import fitted_sufficiency
from rag_router.cli.fitting import data_options, publish, read_labelled, require_free, show_artefact
from rag_router.cli.options import as_json, config_option, settings_from

__all__ = ["filters"]


@click.group("filter")
def filters() -> None:
    """Fit and show filters: which of what was found is worth reading?"""


@filters.command()
@click.argument("name")
@data_options()
@config_option
@click.option("--model", help="The model that reads passages, for filters that ask one.")
@click.option(
    "--index",
    "indexes",
    multiple=True,
    metavar="NAME",
    help="Where to look; without one, only passages that questions come with are learned from.",
)
@click.option(
    "--min-support",
    type=click.FloatRange(0, 1),
    help="Where passages end to be read; chosen unless given (threshold: 0.1).",
)
@click.option(
    "--transfer",
    is_flag=True,
    help="Also tell how well it does on each set having learned from the others.",
)
@as_json
def fit(
    name: str,
    paths: tuple[str, ...],
    limit: int | None,
    seed: int,
    out: Path,
    config: Path | None,
    model: str | None,
    indexes: tuple[str, ...],
    min_support: float | None,
    transfer: bool,
    as_json: bool,
) -> None:
    """Fit the filter NAME on what the retriever finds, and what questions come with.

    One half of each set is learned from, by id; the card tells of the other one.
    """
    settings = settings_from(config, expert=model, indexes=indexes)
    from rag_router.errors import UsageError
    from rag_router.filters import FILTERS
    from rag_router.filters.threshold import ThresholdFilter

    if FILTERS.canonical(name) == SUFFICIENCY:
        require_free(out)
        data = read_labelled(paths, limit=limit)
        artefact = fitted_sufficiency(settings, data, seed=seed)
        data.verify()
        publish(artefact, out, as_json=as_json)
        return
    built = FILTERS.build(name)
    if not isinstance(built, ThresholdFilter):
        require_free(out)
        data = read_labelled(paths, limit=limit)
        artefact = fitted_filter(
            settings, name, data, min_support=min_support, transfer=transfer, seed=seed
        )
        data.verify()
        publish(artefact, out, as_json=as_json)
        return
    if not indexes:
        raise UsageError("threshold is fitted on what is found.", hint="Name an --index.")
    require_free(out)
    data = read_labelled(paths, limit=limit)
    artefact = fitted_threshold(
        settings, data, min_support=0.1 if min_support is None else min_support, seed=seed
    )
    data.verify()
    publish(artefact, out, as_json=as_json)


@filters.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@as_json
def show(folder: Path, as_json: bool) -> None:
    """Show the card of a fitted filter."""
    show_artefact(folder, as_json=as_json)
