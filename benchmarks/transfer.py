"""Does a gate that learned from some question sets judge another one? Leave one set out.

    python -m benchmarks.transfer --data FOLDER [--model NAME]... [--gate NAME]...

For each of the five sets of benchmarks.fit, the gate learns from the training halves of all the
others and judges the held-out half of this one. What it gains where the set's own training half
is among its lessons stands beside it. The outcome cache of benchmarks.fit is used.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from benchmarks.fit import MORE, read_split
from benchmarks.gates import SETS
from benchmarks.record import record
from rag_router.assembly import load_expert, load_partners
from rag_router.calibration import auroc, expected_calibration_error
from rag_router.cli.options import fetch_announced, progress
from rag_router.eval.datasets import data_hash, is_held_out
from rag_router.eval.features import read_features
from rag_router.eval.labels import label
from rag_router.eval.sets import set_name
from rag_router.gates import GATES, FittedGate, Lesson
from rag_router.outcomes import OutcomeCache, RecordCache
from rag_router.settings import Settings


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option(
    "--train", default=4000, show_default=True, help="Most questions to learn from a set."
)
@click.option("--limit", default=500, show_default=True, help="Most held-out questions of a set.")
@click.option("--model", "models", multiple=True, default=("gemma-3-270m",), show_default=True)
@click.option("--gate", "names", multiple=True, default=("p_ik", "combined"), show_default=True)
def main(
    data: Path, train: int, limit: int, models: tuple[str, ...], names: tuple[str, ...]
) -> None:
    """Measure, print and record."""
    settings = Settings()
    kept = settings.home / "outcomes.sqlite"
    questions, sets = read_split(data, train=train, limit=limit)
    held = np.array([is_held_out(question.id) for question in questions])
    belongs = np.array(sets)
    figures: dict[str, object] = {"n": int(held.sum()), "also learned from": list(MORE)}
    fingerprints = {}
    for model in models:
        expert = load_expert(settings, model=model, fetch=fetch_announced)
        fingerprints[model] = expert.model.fingerprint
        built = {name: GATES.build(name) for name in names}
        gates = {name: gate for name, gate in built.items() if isinstance(gate, FittedGate)}
        partners = load_partners(settings, expert, gates.values(), fetch=fetch_announced).partners
        labelled = label(expert, questions, cache=OutcomeCache(kept), batch_size=32)
        bar, move = progress(f"gates read {model}")
        with bar:
            features = read_features(
                gates,
                expert,
                labelled,
                partners=partners,
                cache=RecordCache(kept),
                answers=OutcomeCache(kept),
                batch_size=32,
                on_progress=move,
            )
        right = np.array([one.right for one in labelled])
        rows: dict[str, dict[str, object]] = {}
        for name, gate in gates.items():
            lesson = Lesson(features=features[name], right=right, sets=tuple(sets))
            row: dict[str, object] = {}
            for left in dict.fromkeys(set_name(Path(path)) for path in SETS):
                rest = np.flatnonzero(~held & (belongs != left))
                test = np.flatnonzero(held & (belongs == left))
                p = gate.fit(lesson.pick(rest)).probabilities(features[name][test])
                row[left] = {
                    "auroc": round(auroc(p, right[test]), 4),
                    "ece": round(expected_calibration_error(p, right[test]), 4),
                    "right": int(right[test].sum()),
                }
                print(model, name, left, row[left], flush=True)
            rows[name] = row
        figures[model] = rows
    record("transfer", figures, data_hash=data_hash(questions), models=fingerprints)


if __name__ == "__main__":
    main()
