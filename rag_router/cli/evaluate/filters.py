"""`rag-router eval filters`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_router.cli.evaluate.common import (
    Kept,
    evaluation_options,
    finish,
    manifest_of,
    read_data,
)
from rag_router.cli.options import fetch_announced, progress, settings_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag_router.filters import Filter

__all__ = ["filters"]


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
    from rag_router.assembly import assemble, load_parts
    from rag_router.errors import UsageError
    from rag_router.eval.filtering import evaluate_filters, filter_report
    from rag_router.filters import FILTERS
    from rag_router.retrievers import make_queries
    from rag_router.settings import Component

    settings = settings_from(config, expert=model, indexes=indexes)
    data = read_data(paths, limit=limit, held_out=held_out)
    parts = load_parts(settings, fetch=fetch_announced)
    if not parts.indexes or parts.embedder is None:
        raise UsageError(
            "there is no index to look in.", hint="Make one: rag-router index add NAME PATH"
        )
    kept = Kept(settings.home / "outcomes.sqlite" if use_cache else None)
    default = assemble(settings, parts)
    chains: dict[str, Sequence[Filter]] = {"none": ()}
    for name in names or tuple(FILTERS):
        some = settings.model_copy(update={"filters": (Component(name=name),)})
        chains[name] = assemble(some, parts).filters
    chains["settings"] = default.filters
    assert default.retriever is not None
    queries = make_queries([q.text for q in data.questions], parts.embedder)
    hits = default.retriever.retrieve(queries, tuple(parts.indexes.values()))
    bar, move = progress(f"{parts.expert.name} reads")
    with bar:
        run = evaluate_filters(
            chains,
            parts.expert,
            data.questions,
            hits,
            cache=kept.outcomes,
            batch_size=settings.generator.batch_size,
            on_progress=move,
        )
    manifest = manifest_of(settings, [parts.expert], data, seed=seed)
    report = filter_report(run, manifest, title="What filters keep")
    finish(report, data, out=out, as_json=as_json)
