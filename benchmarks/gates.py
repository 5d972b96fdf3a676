"""Which gate tells best what a model knows? All registered gates, both bundled generators.

    python -m benchmarks.gates --data FOLDER [--limit 500] [--scores MODEL=FILE]...

On the half of five question sets that fitting leaves out, by hash of the ids. `--scores` brings in
another library's uncertainties for the same questions (benchmarks/peers). Gates that are not
fitted for a model are judged where `--gate` names them.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.record import record, report_folder
from rag_router.cli.evaluate.common import read_data
from rag_router.cli.evaluate.gates import run_gates
from rag_router.eval.datasets import data_hash
from rag_router.eval.gates import gate_report, gate_summary
from rag_router.eval.report import write_report
from rag_router.fitted import fitted_for
from rag_router.gates import GATES
from rag_router.settings import Settings

MODELS = ("gemma-3-270m", "smollm2-135m-instruct")
SETS = (
    "triviaqa/train.jsonl.gz",
    "webquestions/train.jsonl",
    "nq_open/train_sample.jsonl",
    "mintaka/dev.jsonl",
    "popqa/sample_1k.jsonl.gz",
)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--limit", default=500, show_default=True, help="Most held-out questions of a set.")
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
@click.option("--gate", "gates", multiple=True, help="Only these gates.")
@click.option("--scores", multiple=True, metavar="MODEL=FILE", help="Of another library.")
@click.option("--name", default="gates", show_default=True, help="Of the result.")
def main(
    data: Path,
    limit: int,
    models: tuple[str, ...],
    gates: tuple[str, ...],
    scores: tuple[str, ...],
    name: str,
) -> None:
    """Measure, print and record."""
    paths = [str(data / name) for name in SETS]
    asked = read_data(paths, limit=limit, held_out=True)
    peers = dict(pair.split("=", 1) for pair in scores)
    settings = Settings()
    figures: dict[str, object] = {"n": len(asked.questions), "default": settings.gate.name}
    fingerprints = {}
    for model in models:
        run, manifest = run_gates(
            settings,
            model,
            asked,
            names=gates or _shipped(model),
            scores=Path(peers[model]) if model in peers else None,
        )
        figures[model] = gate_summary(run)
        fingerprints[model] = manifest["models"][0]["fingerprint"]
        # Without the questions: they are other people's.
        report = gate_report(run, manifest, title=f"Gates for {model}", rows=False)
        write_report(report, report_folder(f"{name}-{model}"))
    record(name, figures, data_hash=data_hash(asked.questions), models=fingerprints)


def _shipped(model: str) -> tuple[str, ...]:
    """Gates that are fitted for a model and judge what it knows, and two that need no fitting."""
    fitted = (name for name in GATES if model in fitted_for("gate", name))
    judging = (n for n in fitted if getattr(GATES.get(n), "judges", "knowledge") == "knowledge")
    return ("always", "never", *judging)


if __name__ == "__main__":
    main()
