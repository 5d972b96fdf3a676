"""`rag-router gate`: list, fit and show self-knowledge gates."""

from __future__ import annotations

from pathlib import Path

import click

from rag_router.cli.fitting import data_options, publish, show_artefact
from rag_router.cli.options import (
    as_json,
    config_option,
    fetch_announced,
    print_json,
    progress,
    settings_from,
)

__all__ = ["gate"]

_WIDTH = 50
"""Characters that stand for certainty."""


@click.group()
def gate() -> None:
    """List, fit and show gates: does the model know the answer by itself?"""


@gate.command("list")
@as_json
def list_gates(as_json: bool) -> None:
    """Show all gates and what they read."""
    from rag_router.cli.components import described
    from rag_router.fitted import fitted_for

    gates = {
        name: about | {"fitted_for": fitted_for("gate", name)}
        for name, about in described()["gate"].items()
    }
    if as_json:
        print_json(gates)
        return
    for name, about in gates.items():
        click.echo(f"{name:<28}{about['summary']} ({about['cost']})")
        if about["fitted_for"]:
            click.echo(f"{'':<28}fitted for {', '.join(about['fitted_for'])}")


@gate.command()
@click.argument("name")
@data_options
@config_option
@click.option("--model", help="The model whose knowledge is judged.")
@click.option(
    "--goal",
    default="even",
    show_default=True,
    help="What the threshold is for: even, budget=0.4, risk<=0.1 or error<=0.3.",
)
@click.option("--from-cache/--no-cache", default=True, help="Reuse the outcome cache.")
@as_json
def fit(
    name: str,
    paths: tuple[Path, ...],
    limit: int | None,
    seed: int,
    out: Path,
    config: Path | None,
    model: str | None,
    goal: str,
    from_cache: bool,
    as_json: bool,
) -> None:
    """Fit the gate NAME for a model, from questions with known answers.

    The model answers every question once; answers are kept, so a fit that was stopped goes on
    where it was.
    """
    settings = settings_from(config, gate=name, expert=model)
    import numpy as np

    from rag_router.assembly import load_parts
    from rag_router.errors import UsageError
    from rag_router.eval.features import read_features
    from rag_router.eval.fitting import fit_gate
    from rag_router.eval.labels import label
    from rag_router.eval.sets import read_sets
    from rag_router.eval.thresholds import parse_goal
    from rag_router.gates import GATES, FittedGate, Lesson
    from rag_router.outcomes import OutcomeCache, RecordCache

    options = {k: v for k, v in settings.gate.options.items() if k != "artefact"}
    built = GATES.build(name, **options)
    if not isinstance(built, FittedGate):
        raise UsageError(f"the gate {name!r} has nothing to fit.", hint="Fit profile.")
    parse_goal(goal)  # before hours of answering
    questions, sets = read_sets(paths, limit=limit)
    parts = load_parts(settings.model_copy(update={"indexes": ()}), fetch=fetch_announced)
    kept = settings.home / "outcomes.sqlite"
    bar, move = progress(f"{parts.expert.name} answers")
    with bar:
        labelled = label(
            parts.expert,
            questions,
            cache=OutcomeCache(kept) if from_cache else None,
            batch_size=settings.generator.batch_size,
            on_progress=move,
        )
    bar, move = progress(f"{name} reads")
    with bar:
        features = read_features(
            {name: built},
            parts.expert,
            labelled,
            partners=parts.partners,
            cache=RecordCache(kept) if from_cache else None,
            batch_size=settings.generator.batch_size,
            seed=seed,
            on_progress=move,
        )[name]
    lesson = Lesson(
        features=features,
        right=np.array([one.right for one in labelled]),
        sets=tuple(sets),
        seed=seed,
    )
    artefact = fit_gate(name, built, parts.expert, questions, lesson, goal=goal)
    publish(artefact, out, as_json=as_json)


@gate.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@as_json
def show(folder: Path, as_json: bool) -> None:
    """Show the card of a fitted gate, and how often it was right, by how sure it was."""
    show_artefact(folder, as_json=as_json)
    if not as_json:
        _show_reliability(folder)


def _show_reliability(folder: Path) -> None:
    """Draw a reliability diagram: for each tenth of the held-out questions, said and seen."""
    from rag_router.artefacts import Artefact

    bins = Artefact.load(folder).card.notes.get("reliability", ())
    if not bins:
        return
    click.echo("\nheld-out questions, a tenth each: p_know said (|) and share right (=)")
    for said, seen, count in bins:
        bar = list("=" * round(_WIDTH * seen) + " " * (_WIDTH - round(_WIDTH * seen) + 1))
        bar[round(_WIDTH * said)] = "|"
        click.echo(f"{said:6.3f} {seen:6.3f} {''.join(bar)} {count}")
