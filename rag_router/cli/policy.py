"""`rag-router policy`: fit and show what answers are worth, and who verifies them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_router.cli.fitting import (
    data_options,
    publish,
    read_labelled,
    require_free,
    say_too_long,
    show_artefact,
)
from rag_router.cli.options import (
    as_json,
    config_option,
    fetch_announced,
    progress,
    settings_from,
)

if TYPE_CHECKING:
    from rag_router.cli.evaluate.common import DataSet
    from rag_router.eval.outlooks import Observed
    from rag_router.orchestrator import Orchestrator

__all__ = ["policy"]


@click.group()
def policy() -> None:
    """Fit and show policies: which answers are worth giving?"""


@policy.command()
@data_options()
@config_option
@click.option("--model", help="The model that answers.")
@click.option(
    "--index",
    "indexes",
    multiple=True,
    metavar="NAME",
    help="Where to look; without any, in the passages that come with the questions.",
)
@as_json
def fit(
    paths: tuple[str, ...],
    limit: int | None,
    seed: int,
    out: Path,
    config: Path | None,
    model: str | None,
    indexes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Fit what answers from memory and from passages are worth (policy.name = "joint").

    Questions without accepted answers are taken for questions that nobody can answer. Promises
    about risk (policy.max_risk) hold for questions like these, mixed as they are here.
    """
    from rag_router.eval.outlook_fitting import fit_outlook

    require_free(out)
    data = read_labelled(paths, limit=limit, answers=False)
    orchestrator, observed = _observed(data, config, model, indexes)
    artefact = fit_outlook(orchestrator, observed, seed=seed)
    data.verify()
    publish(artefact, out, as_json=as_json)


@policy.command("fit-verifier")
@data_options()
@config_option
@click.option("--model", help="The model that answers.")
@click.option(
    "--index",
    "indexes",
    multiple=True,
    metavar="NAME",
    help="Where to look; without any, in the passages that come with the questions.",
)
@as_json
def fit_verifier(
    paths: tuple[str, ...],
    limit: int | None,
    seed: int,
    out: Path,
    config: Path | None,
    model: str | None,
    indexes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Fit the verifier `likelihood`: do answers stand in their passages? (verify.name)."""
    from rag_router.eval.outlook_fitting import fit_verifier as fitted
    from rag_router.eval.outlook_fitting import ratios_of

    require_free(out)
    data = read_labelled(paths, limit=limit, answers=False)
    orchestrator, observed = _observed(data, config, model, indexes)
    expert = orchestrator.expert
    ratios = ratios_of(expert, observed, batch_size=orchestrator.batch_size)
    artefact = fitted(expert, observed, ratios, seed=seed)
    data.verify()
    publish(artefact, out, as_json=as_json)


@policy.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@as_json
def show(folder: Path, as_json: bool) -> None:
    """Show the card of a fitted policy or verifier."""
    show_artefact(folder, as_json=as_json)


def _observed(
    data: DataSet, config: Path | None, model: str | None, indexes: tuple[str, ...]
) -> tuple[Orchestrator, list[Observed]]:
    """Let everything be answered, and look on; what was answered before is kept."""
    settings = settings_from(config, indexes=indexes, expert=model)
    from rag_router.assembly import assemble, load_parts
    from rag_router.eval.outlooks import observe_questions
    from rag_router.eval.readable import readable
    from rag_router.orchestrator import Ask
    from rag_router.outcomes import RecordCache

    # None would be all indexes of the home; who names none means the questions' own passages.
    # What a promise rests on is not there yet while it is learned.
    plain = settings.policy.model_copy(
        update={"name": "quadrants", "artefact": None, "wrong_cost": None, "max_risk": None}
    )
    settings = settings.model_copy(update={"indexes": indexes, "policy": plain, "verify": None})
    orchestrator = assemble(settings, load_parts(settings, fetch=fetch_announced))
    fits = readable(orchestrator.expert, data.questions)
    say_too_long(fits.too_long)
    bar, move = progress(f"{orchestrator.expert.name} answers")
    with bar:
        observed = observe_questions(
            orchestrator,
            fits.questions,
            Ask(),
            cache=RecordCache(settings.home / "outcomes.sqlite"),
            on_progress=move,
        )
    return orchestrator, observed
