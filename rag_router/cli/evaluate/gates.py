"""`rag-router eval gates`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.evaluate.common import (
    DataSet,
    evaluation_options,
    manifest_of,
    read_data,
    require_report,
    show,
    write,
)
from rag_router.cli.evaluate.kept import Kept
from rag_router.cli.evaluate.prices import prices_of
from rag_router.cli.options import fetch_announced, print_json, progress, settings_from

if TYPE_CHECKING:
    from rag_router.eval.gates import GateRun
    from rag_router.experts import Expert
    from rag_router.gates import Gate
    from rag_router.settings import Settings

__all__ = ["gates", "run_gates"]


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

    Without --gate, every gate takes part that decodes nothing but the closed-book answer. Of
    several models each gets a report of its own, in a folder of its name; the JSON document is the
    first one's, with those of all under "models".
    """
    from rag_router.eval.gates import gate_report
    from rag_router.eval.manifest import presentable
    from rag_router.gates import GATES

    settings = settings_from(config)
    for name in names:
        GATES.get(name)
    require_report(out)
    data = read_data(paths, limit=limit, held_out=held_out)
    chosen = tuple(dict.fromkeys(models)) or (settings.generator.model,)
    summaries: dict[str, Any] = {}
    for model, folder in _folders(out, chosen).items():
        run, manifest = run_gates(
            settings, model, data, names=names, use_cache=use_cache, seed=seed, scores=scores
        )
        report = gate_report(run, manifest, title=f"Gates for {presentable(model)}")
        write(report, data, out=folder)
        summaries[model] = report.summary
        if not as_json:
            show(report)
    if as_json:
        several = {"models": summaries} if len(chosen) > 1 else {}
        print_json({**summaries[chosen[0]], **several})


def run_gates(
    settings: Settings,
    model: str,
    data: DataSet,
    *,
    names: tuple[str, ...] = (),
    use_cache: bool = True,
    seed: int = 0,
    scores: Path | None = None,
    expert: Expert | None = None,
) -> tuple[GateRun, dict[str, Any]]:
    """Judge the questions with every gate that can judge this model.

    Args:
        settings: Of the run.
        model: Whose knowledge is judged.
        data: What is asked.
        names: Gates; none means all that decode nothing but the closed-book answer.
        use_cache: Whether answers are kept.
        seed: Of signals that sample.
        scores: Uncertainties of another library.
        expert: The model, where it is loaded already.

    Returns:
        What was found, and what it was made with.
    """
    from rag_router.assembly import load_expert, load_partners
    from rag_router.eval.gates import GateRun
    from rag_router.eval.judging import judge_questions
    from rag_router.eval.labels import label
    from rag_router.eval.peers import read_scores

    peers = {} if scores is None else read_scores(scores, data.questions)
    settings = settings.model_copy(
        update={"generator": settings.generator.model_copy(update={"model": model})}
    )
    expert = expert or load_expert(settings, fetch=fetch_announced)
    built, skipped = _gates(settings, expert, names)
    parts = load_partners(settings, expert, built.values(), fetch=fetch_announced)
    with Kept.of(settings, use_cache=use_cache) as kept:
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
        prices = prices_of(settings, parts, built, labelled, kept, seed)
    run = GateRun(
        labelled=labelled,
        sets=data.sets,
        judgements=judgements,
        prices=prices,
        skipped=skipped,
        peers=peers,
        default=settings.gate.name,
    )
    return run, manifest_of(settings, [expert], data, seed=seed)


def _folders(out: Path | None, models: tuple[str, ...]) -> dict[str, Path | None]:
    """Where each model's report goes; names of models may be paths and addresses."""
    if out is None or len(models) == 1:
        return dict.fromkeys(models, out)
    plain = [re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-.") or "model" for model in models]
    numbered = [f"{name}-{at}" if plain.index(name) < at else name for at, name in enumerate(plain)]
    return {model: out / name for model, name in zip(models, numbered, strict=True)}


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
