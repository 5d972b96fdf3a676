"""`rag-router eval gates`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.evaluate.common import (
    DataSet,
    Kept,
    evaluation_options,
    finish,
    manifest_of,
    read_data,
)
from rag_router.cli.options import fetch_announced, progress, settings_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag_router.assembly import Parts
    from rag_router.eval.gates import GateRun
    from rag_router.eval.judging import Price
    from rag_router.eval.labels import Labelled
    from rag_router.experts import Expert
    from rag_router.gates import Gate
    from rag_router.settings import Settings

__all__ = ["gates", "run_gates"]

_WATCHED = 5
"""Batches on which a gate's cost is watched; the first one only warms up."""


@click.command()
@evaluation_options
@click.option("--model", "models", multiple=True, help="Whose knowledge is judged; several may be.")
@click.option("--gate", "names", multiple=True, metavar="NAME", help="Judge only this gate.")
@click.option(
    "--scores",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Uncertainties of another library for the same questions, as JSON Lines.",
)
def gates(
    paths: tuple[str, ...],
    limit: int | None,
    held_out: bool,
    out: Path | None,
    config: Path | None,
    use_cache: bool,
    seed: int,
    as_json: bool,
    models: tuple[str, ...],
    names: tuple[str, ...],
    scores: Path | None,
) -> None:
    """Compare gates: does the model know the answer by itself?

    Without --gate, every gate takes part that decodes nothing but the closed-book answer.
    """
    from rag_router.eval.gates import gate_report

    settings = settings_from(config)
    data = read_data(paths, limit=limit, held_out=held_out)
    chosen = models or (settings.generator.model,)
    for number, model in enumerate(chosen):
        run, manifest = run_gates(
            settings, model, data, names=names, use_cache=use_cache, seed=seed, scores=scores
        )
        report = gate_report(run, manifest, title=f"Gates for {model}")
        folder = out if out is None or len(chosen) == 1 else out / model
        finish(report, data, out=folder, as_json=as_json and number == 0)


def run_gates(
    settings: Settings,
    model: str,
    data: DataSet,
    *,
    names: tuple[str, ...] = (),
    use_cache: bool = True,
    seed: int = 0,
    scores: Path | None = None,
) -> tuple[GateRun, dict[str, Any]]:
    """Judge the questions with every gate that can judge this model.

    Returns:
        What was found, and what it was made with.
    """
    from rag_router.assembly import load_expert, load_partners
    from rag_router.eval.gates import GateRun
    from rag_router.eval.judging import judge_questions
    from rag_router.eval.labels import label
    from rag_router.eval.peers import read_scores

    settings = settings.model_copy(
        update={"generator": settings.generator.model_copy(update={"model": model})}
    )
    expert = load_expert(settings, fetch=fetch_announced)
    built, skipped = _gates(settings, expert, names)
    parts = load_partners(settings, expert, built.values(), fetch=fetch_announced)
    kept = Kept(settings.home / "outcomes.sqlite" if use_cache else None)
    bar, move = progress(f"{expert.name} answers")
    with bar:
        labelled = label(
            expert,
            data.questions,
            cache=kept.outcomes,
            batch_size=settings.generator.batch_size,
            on_progress=move,
        )
    bar, move = progress("gates judge")
    with bar:
        judgements = judge_questions(
            built,
            expert,
            labelled,
            partners=parts.partners,
            cache=kept.records,
            batch_size=settings.generator.batch_size,
            seed=seed,
            on_progress=move,
        )
    prices = _prices(settings, parts, built, labelled, kept, seed)
    run = GateRun(
        labelled=labelled,
        sets=data.sets,
        judgements=judgements,
        prices=prices,
        skipped=skipped,
        peers={} if scores is None else read_scores(scores, data.questions),
        default=settings.gate.name,
    )
    return run, manifest_of(settings, [expert], data, seed=seed)


def _gates(
    settings: Settings, expert: Expert, names: tuple[str, ...]
) -> tuple[dict[str, Gate], dict[str, str]]:
    """Build the gates that take part; say of the others why not."""
    from rag_router.assembly import load_gate
    from rag_router.errors import SettingsError
    from rag_router.gates import GATES, signals_of
    from rag_router.settings import Component
    from rag_router.signals import is_dear

    built: dict[str, Gate] = {}
    skipped: dict[str, str] = {}
    for name in names or tuple(GATES):
        component = settings.gate if name == settings.gate.name else Component(name=name)
        try:
            gate = load_gate(component, expert)
        except SettingsError as exc:
            if names:
                raise
            skipped[name] = exc.message
            continue
        dear = [signal.name for signal in signals_of(gate) if is_dear(signal)]
        if dear and not names and name != settings.gate.name:
            skipped[name] = f"asks for {', '.join(dear)}, which costs extra; name it with --gate"
        else:
            built[name] = gate
    return built, skipped


def _prices(
    settings: Settings,
    parts: Parts,
    gates: dict[str, Gate],
    labelled: Sequence[Labelled],
    kept: Kept,
    seed: int,
) -> dict[str, Price]:
    """Watch what each gate costs on a few questions; what was watched once is kept."""
    from dataclasses import asdict

    from rag_router.artefacts import fingerprint_of, identity_of
    from rag_router.eval.datasets import sample
    from rag_router.eval.judging import Price, price_of

    size = settings.generator.batch_size
    few = {q.id for q in sample([one.question for one in labelled], _WATCHED * size)}
    watched = [one for one in labelled if one.question.id in few]
    found: dict[str, Price] = {}
    for name, gate in gates.items():
        key = fingerprint_of(
            "price",
            parts.expert.model.fingerprint,
            parts.expert.style.fingerprint,
            identity_of(gate),
            str(size),
            *(one.question.text for one in watched),
        )
        known = {} if kept.records is None else kept.records.get_json([key])
        if key in known:
            found[name] = Price(**known[key])
            continue
        found[name] = price_of(
            gate, parts.expert, watched, partners=parts.partners, batch_size=size, seed=seed
        )
        if kept.records is not None:
            kept.records.put_json("price", {key: asdict(found[name])})
    return found
