"""`rag-router decoder`: fit and show how sure answers from passages are."""

from __future__ import annotations

from pathlib import Path

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

__all__ = ["decoder"]


@click.group()
def decoder() -> None:
    """Fit and show decoders: how sure is an answer from passages?"""


@decoder.command()
@click.argument("name")
@data_options()
@config_option
@click.option("--model", help="The model that answers.")
@click.option("--index", "indexes", multiple=True, required=True, metavar="NAME")
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
    as_json: bool,
) -> None:
    """Fit P(right) of the answers that decoder NAME gives from the indexes' passages."""
    from dataclasses import replace

    # Passages are always read here, so nothing need be known about memory.
    settings = settings_from(config, indexes=indexes, decoder=name, expert=model, gate="never")
    from rag_router.assembly import assemble, load_parts
    from rag_router.eval.fitting import fit_sureness
    from rag_router.eval.readable import readable

    require_free(out)
    data = read_labelled(paths, limit=limit)
    orchestrator = assemble(settings, load_parts(settings, fetch=fetch_announced))
    fits = readable(orchestrator.expert, data.questions)
    say_too_long(fits.too_long)
    bold = replace(
        orchestrator, policy=replace(orchestrator.policy, abstain=False, min_support=0.0)
    )
    bar, move = progress(f"{orchestrator.expert.name} answers")
    with bar:
        artefact = fit_sureness(bold, fits.questions, seed=seed, on_progress=move)
    data.verify()
    publish(artefact, out, as_json=as_json)


@decoder.command("fit-auto")
@data_options()
@config_option
@click.option("--model", help="The model that answers.")
@click.option("--gate", help="The gate that says what it knows; what it says is learned from.")
@click.option(
    "--known",
    "known_paths",
    multiple=True,
    metavar="FILE",
    help="Further questions; those that the model answers right from memory are learned from with "
    "passages beside the point. May be given several times.",
)
@click.option(
    "--index",
    "indexes",
    multiple=True,
    required=True,
    metavar="NAME",
    help="Where passages beside the point are from: highly ranked, without the answer.",
)
@as_json
def fit_auto(
    paths: tuple[str, ...],
    limit: int | None,
    seed: int,
    out: Path,
    config: Path | None,
    model: str | None,
    gate: str | None,
    known_paths: tuple[str, ...],
    indexes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Fit which of three answers the decoder auto gives.

    Sets bring true passages and falsified ones (`eval make-conflicts` makes them). One half of each
    set is learned from, by id; `eval conflict --held-out` judges on the other one. What it comes to
    is told of each set as it was learned from the others.
    """
    settings = settings_from(config, indexes=indexes, decoder="auto", expert=model, gate=gate)
    from rag_router.assembly import index_names
    from rag_router.cli.disputes import Taught
    from rag_router.decoders.auto import AutoDecoder
    from rag_router.eval.auto_fitting import fit_auto as fit

    require_free(out)
    data = read_labelled(paths, limit=limit)
    known = read_labelled(known_paths, limit=limit) if known_paths else None
    index_names(settings)
    taught = Taught.gathered(settings, data, known, seed=seed)
    bar, move = progress(f"{taught.expert.name} walks")
    with bar:
        artefact = fit(
            AutoDecoder(),
            taught.expert,
            taught.disputes,
            taught.facts,
            taught.memory,
            sets=taught.sets,
            cache=taught.records,
            batch_size=settings.generator.batch_size,
            on_progress=move,
        )
    for one in (data, *([known] if known else [])):
        one.verify()
    publish(artefact, out, as_json=as_json)


@decoder.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@as_json
def show(folder: Path, as_json: bool) -> None:
    """Show the card of a fitted decoder."""
    show_artefact(folder, as_json=as_json)
