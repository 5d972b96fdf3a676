"""`rag-router eval filters`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.evaluate.common import (
    DataSet,
    evaluation_options,
    finish,
    manifest_of,
    read_data,
    require_judgeable,
    require_report,
)
from rag_router.cli.evaluate.kept import Kept
from rag_router.cli.options import fetch_announced, progress, settings_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag_router.assembly import Parts
    from rag_router.eval.filtering import FilterRun
    from rag_router.filters import Filter
    from rag_router.settings import Settings

__all__ = ["filters", "run_filters"]


@click.command()
@evaluation_options
@click.option("--model", help="Who reads what is kept.")
@click.option("--filter", "names", multiple=True, metavar="NAME", help="Only this filter.")
@click.option("--index", "indexes", multiple=True, metavar="NAME", help="Look only in this index.")
def filters(
    paths: tuple[str, ...],
    limit: int | None,
    held_out: bool,
    out: Path | None,
    config: Path | None,
    use_cache: bool,
    seed: int,
    as_json: bool,
    model: str | None,
    names: tuple[str, ...],
    indexes: tuple[str, ...],
) -> None:
    """Compare filters on the same hits: what they keep, and what is answered from it.

    The row "settings" is the chain that the settings name, "none" reads the hits as they come.
    """
    from rag_router.assembly import index_names
    from rag_router.errors import UsageError
    from rag_router.eval.filtering import filter_report
    from rag_router.filters import FILTERS

    settings = settings_from(config, expert=model, indexes=indexes)
    for name in names:
        FILTERS.get(name)
    require_report(out)
    data = read_data(paths, limit=limit, held_out=held_out)
    require_judgeable(data)
    if not index_names(settings):
        raise UsageError(
            "there is no index to look in.", hint="Make one: rag-router index add NAME PATH"
        )
    run, manifest = run_filters(settings, data, names=names, use_cache=use_cache, seed=seed)
    report = filter_report(run, manifest, title="What filters keep")
    finish(report, data, out=out, as_json=as_json)


def run_filters(
    settings: Settings,
    data: DataSet,
    *,
    names: tuple[str, ...] = (),
    use_cache: bool = True,
    seed: int = 0,
    parts: Parts | None = None,
) -> tuple[FilterRun, dict[str, Any]]:
    """Let every filter judge what the settings' retriever finds, and the model read the rest.

    Args:
        settings: Of the run; there is an index to look in.
        data: What is asked.
        names: Filters; none means all.
        use_cache: Whether answers are kept.
        seed: For the manifest; nothing is drawn.
        parts: What the settings name, where it is loaded already.

    Returns:
        What was found, and what it was made with.
    """
    from rag_router.assembly import assemble, load_parts
    from rag_router.eval.filtering import evaluate_filters
    from rag_router.filters import FILTERS
    from rag_router.retrievers import make_queries
    from rag_router.settings import Component

    parts = parts or load_parts(settings, fetch=fetch_announced)
    default = assemble(settings, parts)
    own = {component.name: component for component in settings.filters}
    chains: dict[str, Sequence[Filter]] = {"none": ()}
    for name in dict.fromkeys(names or FILTERS):
        some = settings.model_copy(update={"filters": (own.get(name, Component(name=name)),)})
        chains[name] = assemble(some, parts).filters
    chains["settings"] = default.filters
    assert default.retriever is not None
    assert parts.embedder is not None
    queries = make_queries([q.text for q in data.questions], parts.embedder)
    hits = default.retriever.retrieve(queries, tuple(parts.indexes.values()))
    bar, move = progress(f"{parts.expert.name} reads")
    with Kept.of(settings, use_cache=use_cache) as kept, bar:
        run = evaluate_filters(
            chains,
            parts.expert,
            data.questions,
            hits,
            cache=kept.outcomes,
            batch_size=settings.generator.batch_size,
            on_progress=move,
        )
    return run, manifest_of(settings, [parts.expert], data, seed=seed)
