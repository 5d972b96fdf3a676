"""`rag-router route fit-expert`: a field's own way to embed questions."""

from __future__ import annotations

from pathlib import Path

import click

from rag_router.cli.fitting import publish, require_free
from rag_router.cli.options import as_json, config_option, progress, settings_from

__all__ = ["fit_expert"]


@click.command("fit-expert")
@click.argument("name")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Questions with relevant passages: a folder with queries and qrels, a file of queries, "
    "or questions with gold passages.",
)
@click.option(
    "--qrels",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What is relevant, where it stands in a file of its own.",
)
@click.option("--index", required=True, metavar="NAME", help="Index that holds the passages.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write the adapter to.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Most questions.")
@click.option("--epochs", type=click.IntRange(min=1), help="Most times all questions are seen.")
@click.option("--rank", type=click.IntRange(min=1), help="Rank of the adapter's matrices.")
@click.option("--seed", default=0, show_default=True, help="Of the held-out split.")
@config_option
@as_json
@click.pass_context
def fit_expert(
    context: click.Context,
    name: str,
    data: Path,
    qrels: Path | None,
    index: str,
    out: Path,
    limit: int | None,
    epochs: int | None,
    rank: int | None,
    seed: int,
    config: Path | None,
    as_json: bool,
) -> None:
    """Train a query adapter for the expert NAME (LoRA).

    It changes how questions of a field are embedded, and no passage: the index stays as it is, and
    serves other experts beside. Its card tells nDCG@10 with and without it on questions held out.
    """
    settings = settings_from(config, indexes=(index,))
    require_free(out)
    from rag_router.assembly import open_indexes
    from rag_router.cli.route_fit import embedder_of
    from rag_router.eval.expert_training import fit_adapter
    from rag_router.eval.relevance import read_relevance
    from rag_router.models.query_adapters import require_peft
    from rag_router.models.query_training import QueryTraining

    require_peft()
    given = read_relevance(data, qrels, limit=limit)
    embedder = embedder_of(context, settings)
    opened = open_indexes(settings, embedder)[index]
    chosen = {"epochs": epochs, "rank": rank}
    training = QueryTraining(**{k: v for k, v in chosen.items() if v is not None}, seed=seed)
    bar, move = progress("training")
    with bar:
        artefact = fit_adapter(
            name,
            embedder,
            opened,
            given.queries,
            given.qrels,
            training=training,
            seed=seed,
            on_progress=move,
        )
    if artefact.card.notes["epoch"] == 0:
        click.echo(
            "No adapter was better than none on questions kept apart: this one changes nothing.",
            err=True,
        )
    publish(artefact, out, as_json=as_json)
