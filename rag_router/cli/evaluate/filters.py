"""`rag-router eval filters`."""

from __future__ import annotations

from dataclasses import replace
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
    from rag_router.retrievers import Retriever
    from rag_router.settings import Settings
    from rag_router.types import Hit

__all__ = ["filters", "run_filters"]


@click.command()
@evaluation_options
@click.option("--model", help="Who reads what is kept.")
@click.option(
    "--filter",
    "names",
    multiple=True,
    metavar="NAMES",
    help="This filter, or this chain of filters, joined by commas; without it all of those that "
    "ask no model.",
)
@click.option("--index", "indexes", multiple=True, metavar="NAME", help="Look only in this index.")
@click.option(
    "--own-passages",
    is_flag=True,
    help="Judge the passages that questions come with, and not what is found; those that have no "
    "text are looked up in the indexes.",
)
@click.option("--top", type=click.IntRange(min=1), help="Most passages of each question.")
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
    own_passages: bool,
    top: int | None,
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
        for one in name.split(","):
            FILTERS.get(one.strip())
    require_report(out)
    data = read_data(paths, limit=limit, held_out=held_out)
    require_judgeable(data)
    if not own_passages and not index_names(settings):
        raise UsageError(
            "there is no index to look in.", hint="Make one: rag-router index add NAME PATH"
        )
    run, manifest = run_filters(
        settings,
        data,
        names=names,
        use_cache=use_cache,
        seed=seed,
        own_passages=own_passages,
        top=top,
    )
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
    own_passages: bool = False,
    top: int | None = None,
) -> tuple[FilterRun, dict[str, Any]]:
    """Let every filter judge what the settings' retriever finds, and the model read the rest.

    Args:
        settings: Of the run; there is an index to look in.
        data: What is asked.
        names: Filters, or chains of them joined by commas; none means all that ask no model.
        use_cache: Whether answers are kept.
        seed: For the manifest; nothing is drawn.
        parts: What the settings name, where it is loaded already.
        own_passages: Whether the passages that questions come with are judged.
        top: Most passages of each question; None takes as many as there are.

    Returns:
        What was found, and what it was made with.
    """
    from rag_router.assembly import assemble, load_embedder, load_parts
    from rag_router.eval.filtering import evaluate_filters
    from rag_router.settings import Component

    parts = parts or load_parts(settings, fetch=fetch_announced)
    if parts.embedder is None:
        parts = replace(parts, embedder=load_embedder(settings, fetch=fetch_announced))
    default = assemble(settings, parts)
    own = {component.name: component for component in settings.filters}
    chains: dict[str, Sequence[Filter]] = {"none": ()}
    for name in dict.fromkeys(names or _asking_nobody()):
        chain = tuple(own.get(n.strip(), Component(name=n.strip())) for n in name.split(","))
        some = settings.model_copy(update={"filters": chain})
        chains[name] = assemble(some, parts).filters
    chains["settings"] = default.filters
    hits = _hits(default.retriever, parts, data, own_passages=own_passages, top=top)
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


def _asking_nobody() -> tuple[str, ...]:
    """Filters that cost nothing extra; says which others there are."""
    from rag_router.filters import FILTERS

    asks = {name: str(getattr(FILTERS.get(name), "asks", "")) for name in FILTERS}
    # Some ask only where their options say so.
    free = tuple(name for name, what in asks.items() if what.partition(",")[0] in ("", "nothing"))
    left_out = ", ".join(name for name in asks if name not in free)
    click.echo(f"Left out, as they ask a model: {left_out}. Name one: --filter NAME", err=True)
    return free


def _hits(
    retriever: Retriever | None,
    parts: Parts,
    data: DataSet,
    *,
    own_passages: bool,
    top: int | None,
) -> list[list[Hit]]:
    """What filters judge: what is found, or what questions come with."""
    from rag_router.eval.own_passages import with_passages
    from rag_router.retrievers import make_queries

    assert parts.embedder is not None
    indexes = tuple(parts.indexes.values())
    if own_passages:
        bar, move = progress("passages that questions come with")
        lines: list[list[Hit]] = []
        with bar:
            for _, line in with_passages(data.questions, parts.embedder, indexes, top=top):
                lines.append(line)
                move(len(lines), len(data.questions))
        return lines
    assert retriever is not None
    if top is not None and hasattr(retriever, "k"):
        retriever = replace(retriever, k=top)  # type: ignore[type-var]  # a frozen component is one
    queries = make_queries([question.text for question in data.questions], parts.embedder)
    return [line[:top] for line in retriever.retrieve(queries, indexes)]
