"""`rag-router route fit-generators`: routers among experts, from who answered what rightly."""

from __future__ import annotations

from pathlib import Path

import click

from rag_router.cli.fitting import data_options, publish, read_labelled, require_free
from rag_router.cli.options import as_json, config_option, fetch_announced, settings_from
from rag_router.cli.route_fit import embedder_of

__all__ = ["fit_generators"]


@click.command("fit-generators")
@click.argument("name", default="combined")
@data_options()
@click.option(
    "--model",
    "models",
    multiple=True,
    help="Who may answer, a model or an expert of the settings; give two or more.",
)
@click.option(
    "--recorded",
    multiple=True,
    metavar="NAME[=PRICE]",
    help="In place of --model: an expert whose outcomes the questions hold (meta: NAME_correct), "
    "and its price of a million tokens; give two or more.",
)
@config_option
@as_json
@click.pass_context
def fit_generators(
    context: click.Context,
    name: str,
    paths: tuple[str, ...],
    limit: int | None,
    seed: int,
    out: Path,
    models: tuple[str, ...],
    recorded: tuple[str, ...],
    config: Path | None,
    as_json: bool,
) -> None:
    """Fit the router NAME among generators on who answers which question rightly.

    Every model answers every question from memory, once; answers are kept. One half of the
    questions is learned from, the other one judged on. Several sets are several fields.
    """
    from rag_router.cli.evaluate.routers import outcomes_of
    from rag_router.errors import UsageError
    from rag_router.eval.expert_fitting import fit_expert_router
    from rag_router.eval.expert_outcomes import shown_text
    from rag_router.experts.routing import EXPERT_ROUTERS
    from rag_router.experts.routing.learned import LearnedExpertRouter

    settings = settings_from(config)
    router = EXPERT_ROUTERS.build(name)
    if not isinstance(router, LearnedExpertRouter):
        raise UsageError(
            f"the router {name!r} has nothing to fit.", hint="Fit combined, neighbours or domain."
        )
    require_free(out)
    data = read_labelled(paths, limit=limit)
    _, matrix, _ = outcomes_of(
        settings, data, models=models, recorded=recorded, seed=seed, fetch=fetch_announced
    )
    embedder = embedder_of(context, settings)
    vectors = embedder.encode_queries([shown_text(q) for q in matrix.questions])
    artefact = fit_expert_router(router, matrix, vectors, embedder, seed=seed)
    publish(artefact, out, as_json=as_json)
