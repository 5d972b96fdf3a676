"""Whom does each decoding strategy follow, and whom does it harm? Both bundled generators.

    python -m benchmarks.conflict --data FOLDER [--model NAME]... [--strategy NAME]...

Conflicts: falsified passages of nq_conflict, with their originals. True passages: these, and those
of held-out questions of nq_gold. Harm: questions of five other sets, held out too, that the model
answers right from memory, each with the passage of the index that ranks highest without its answer.
Nothing that `auto` or a gate was fitted on is among them. Answers are kept in the home's outcome
cache, so that a run that was stopped goes on.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.gates import MODELS, SETS
from benchmarks.record import record, report_folder
from rag_router.assembly import load_expert
from rag_router.cli.evaluate.common import manifest_of, read_data
from rag_router.cli.evaluate.conflict import joined, run_conflict
from rag_router.eval.conflict import conflict_report, conflict_summary
from rag_router.eval.datasets import data_hash
from rag_router.eval.report import write_report
from rag_router.settings import GeneratorSettings, Settings


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--conflicts", default=130, show_default=True, help="Most falsified questions.")
@click.option("--limit", default=120, show_default=True, help="Most questions of nq_gold.")
@click.option("--known", default=500, show_default=True, help="Of each set asked from memory.")
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
@click.option("--strategy", "names", multiple=True, help="Only these.")
@click.option(
    "--index",
    "indexes",
    multiple=True,
    default=("wiki",),
    show_default=True,
    help="Hard passages beside the point.",
)
def main(
    data: Path,
    conflicts: int,
    limit: int,
    known: int,
    models: tuple[str, ...],
    names: tuple[str, ...],
    indexes: tuple[str, ...],
) -> None:
    """Measure, print and record."""
    synth = read_data([str(data / "nq_conflict/synth.jsonl.gz")], limit=conflicts, held_out=False)
    gold = read_data([str(data / "nq_gold/dev.jsonl.gz")], limit=limit, held_out=True)
    asked = joined(synth, gold)
    harm = read_data([str(data / name) for name in SETS], limit=known, held_out=True)
    figures: dict[str, object] = {}
    fingerprints = {}
    for model in models:
        settings = Settings(
            generator=GeneratorSettings(model=model, batch_size=32), indexes=indexes or None
        )
        expert = load_expert(settings)
        run = run_conflict(
            settings,
            expert,
            asked,
            harm=harm,
            names=names,
            hard=bool(indexes),
            known_only=True,
        )
        figures[model] = conflict_summary(run)
        fingerprints[model] = expert.model.fingerprint
        manifest = manifest_of(settings, [expert], joined(asked, harm), seed=0)
        report = conflict_report(run, manifest, title=f"Conflicts: {model}", rows=False)
        write_report(report, report_folder(f"conflict-{model}"))
    record("conflict", figures, data_hash=data_hash(asked.questions), models=fingerprints)


if __name__ == "__main__":
    main()
