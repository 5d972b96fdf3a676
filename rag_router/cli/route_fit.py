"""`rag-router route fit|add|remove`: routers, and the experts they know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.fitting import publish, require_free
from rag_router.cli.options import (
    as_json,
    config_option,
    fetch_announced,
    progress,
    settings_from,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rag_router.eval.route_fields import RouteField
    from rag_router.models.base import Embedder
    from rag_router.retrievers import Query
    from rag_router.retrievers.routed import RoutedRetriever
    from rag_router.settings import Settings

__all__ = ["add", "embedder_of", "fit", "remove"]


def _fields_options(command: Any) -> Any:
    for option in (
        click.option("--seed", default=0, show_default=True, help="Of the held-out split."),
        click.option("--limit", type=click.IntRange(min=1), help="Most questions of each set."),
        click.option(
            "--data",
            "paths",
            multiple=True,
            required=True,
            metavar="EXPERT=PATH",
            help="Questions that belong to an expert, which is usually an index of that name: a "
            "file or folder in any layout that is known; may be given several times.",
        ),
    ):
        command = option(command)
    return command


_OUT = click.Path(file_okay=False, path_type=Path)
_INDEXES = click.option(
    "--index", "indexes", multiple=True, metavar="NAME", help="Only this index is an expert's."
)


@click.command()
@click.argument("name", default="combined")
@_fields_options
@click.option("--out", type=_OUT, required=True, help="Folder to write the artefact to.")
@_INDEXES
@click.option(
    "--outcomes",
    is_flag=True,
    help="Let every expert search first, and learn from who found what is relevant.",
)
@config_option
@as_json
@click.pass_context
def fit(
    context: click.Context,
    name: str,
    paths: tuple[str, ...],
    limit: int | None,
    seed: int,
    out: Path,
    indexes: tuple[str, ...],
    outcomes: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Fit the router NAME on questions of several experts.

    One half of the questions is learned from, the other one judged on. The router `outcome` learns
    from who found the relevant passages, for which the indexes are searched; the others learn from
    whose questions they are.
    """
    from rag_router.errors import UsageError
    from rag_router.eval.route_fields import read_fields
    from rag_router.eval.route_fitting import embedded, fit_router
    from rag_router.retrievers.routing import ROUTERS
    from rag_router.retrievers.routing.learned import LearnedRouter

    settings = settings_from(config, indexes=indexes)
    router = ROUTERS.build(name)
    if not isinstance(router, LearnedRouter):
        raise UsageError(
            f"the router {name!r} has nothing to fit.",
            hint="Fit combined, linear, outcome, neighbours or pilots.",
        )
    require_free(out)
    fields = read_fields(paths, limit=limit)
    embedder = embedder_of(context, settings)
    queries = embedded(fields, embedder)
    found = None
    if outcomes or router.reads_outcomes:
        found = _outcomes(settings, embedder, fields, queries)
    artefact = fit_router(
        name,
        router,
        embedder,
        fields,
        queries=queries,
        found=found,
        routed=_routed(settings),
        seed=seed,
    )
    publish(artefact, out, as_json=as_json)


@click.command()
@click.argument("folder", type=_OUT)
@_fields_options
@click.option("--out", type=_OUT, help="Where to write it; FOLDER itself by default.")
@_INDEXES
@config_option
@as_json
@click.pass_context
def add(
    context: click.Context,
    folder: Path,
    paths: tuple[str, ...],
    limit: int | None,
    seed: int,
    out: Path | None,
    indexes: tuple[str, ...],
    config: Path | None,
    as_json: bool,
) -> None:
    """Add experts to the router in FOLDER; what it knows of the others stays as it is."""
    from rag_router.artefacts import Artefact
    from rag_router.eval.route_fields import read_fields
    from rag_router.eval.route_fitting import add_expert, embedded
    from rag_router.retrievers.routing.loading import load_router

    settings = settings_from(config, indexes=indexes)
    fields = read_fields(paths, limit=limit)
    if out is not None:
        require_free(out)
    embedder = embedder_of(context, settings)
    router = load_router(folder, embedder.fingerprint)
    artefact = Artefact.load(folder)
    for field in fields:
        found = None
        if router.reads_outcomes:
            found = _outcomes(settings, embedder, [field], embedded([field], embedder))
        artefact = add_expert(
            artefact, router, embedder, field, found=found, routed=_routed(settings), seed=seed
        )
        router = router.with_artefact(artefact)
    publish(artefact, out or folder, as_json=as_json)


@click.command()
@click.argument("folder", type=_OUT)
@click.argument("expert")
@click.option("--out", type=_OUT, help="Where to write it; FOLDER itself by default.")
@as_json
def remove(folder: Path, expert: str, out: Path | None, as_json: bool) -> None:
    """Remove EXPERT from the router in FOLDER; what it knows of the others stays as it is."""
    from rag_router.artefacts import Artefact
    from rag_router.eval.route_fitting import remove_expert
    from rag_router.retrievers.routing.loading import load_router

    if out is not None:
        require_free(out)
    router = load_router(folder, None)
    artefact = remove_expert(Artefact.load(folder), router, expert)
    publish(artefact, out or folder, as_json=as_json)


def embedder_of(context: click.Context, settings: Settings) -> Embedder:
    """Load the embedder of the settings, or the one that whoever calls brings along."""
    if load := (context.obj or {}).get("load_embedder"):
        given: Embedder = load(settings.embedder.model)
        return given
    from rag_router.assembly import load_embedder

    return load_embedder(settings, fetch=fetch_announced)


def _routed(settings: Settings) -> RoutedRetriever:
    """The routed retriever of the settings, or the usual one."""
    from rag_router.retrievers import RETRIEVERS
    from rag_router.retrievers.routed import RoutedRetriever

    built = RETRIEVERS.build(settings.retriever.name, **settings.retriever.options)
    return built if isinstance(built, RoutedRetriever) else RoutedRetriever(member=built)


def _outcomes(
    settings: Settings,
    embedder: Embedder,
    fields: Sequence[RouteField],
    queries: Mapping[str, Query],
) -> Any:
    """Let every expert search for every question."""
    from rag_router.assembly import open_indexes
    from rag_router.eval.route_outcomes import outcomes

    qrels = {
        f"{field.expert}/{id_}": judged for field in fields for id_, judged in field.qrels.items()
    }
    opened = list(open_indexes(settings, embedder).values())
    move: Callable[[int, int], None]
    bar, move = progress("experts search")
    with bar:
        return outcomes(_routed(settings), opened, queries, qrels, on_progress=move)
