"""Which gate tells best what the default model knows?

    python -m benchmarks.gates --data FOLDER [--limit 400]

On the held-out quarter of five question sets, by hash of the ids; nothing was fitted on it.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from benchmarks.record import record
from rag_router.assembly import load_expert
from rag_router.calibration import auroc, brier_score, expected_calibration_error
from rag_router.cli.options import progress
from rag_router.eval.datasets import data_hash, is_held_out, read_questions
from rag_router.eval.fitting import label_answers
from rag_router.fitted import shipped
from rag_router.gates import GATES, FittedGate
from rag_router.outcomes import OutcomeCache
from rag_router.settings import Settings

SETS = (
    "triviaqa/train.jsonl.gz",
    "webquestions/train.jsonl",
    "nq_open/train_sample.jsonl",
    "mintaka/dev.jsonl",
    "popqa/sample_1k.jsonl.gz",
)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option(
    "--limit", default=400, show_default=True, help="Questions of each set, before the split."
)
def main(data: Path, limit: int) -> None:
    """Measure, print and record."""
    settings = Settings()
    expert = load_expert(settings)
    questions = read_questions([data / name for name in SETS], limit=limit, answers=True)
    questions = [q for q in questions if is_held_out(q.id)]
    bar, move = progress(f"{expert.name} answers")
    with bar:
        labelled = label_answers(
            expert,
            questions,
            cache=OutcomeCache(settings.home / "outcomes.sqlite"),
            batch_size=32,
            on_progress=move,
        )
    right = [one.right for one in labelled]
    rows = {}
    for name in GATES:
        gate = GATES.build(name)
        if not isinstance(gate, FittedGate):
            continue
        artefact = shipped(
            "gate", name, expert.model.fingerprint, prompt_hash=expert.style.fingerprint
        )
        gate = gate.with_artefact(artefact) if artefact else gate
        p = gate.probabilities(gate.features(labelled))
        rows[name] = {
            "auroc": round(auroc(p, right), 4),
            "auroc_95": _interval(p, right),
            "brier": round(brier_score(p, right), 4),
            "ece": round(expected_calibration_error(p, right), 4),
        }
    best = {name: row["auroc"] for name, row in rows.items()}
    figures = {
        "n": len(questions),
        "closed_book_accuracy": round(float(np.mean(right)), 4),
        "default": settings.gate.name,
        "best": max(best, key=lambda name: best[name]),
        "gates": rows,
    }
    record(
        "gates",
        figures,
        data_hash=data_hash(questions),
        models={expert.name: expert.model.fingerprint},
    )


def _interval(p: np.ndarray, right: list[bool], draws: int = 2000) -> list[float]:
    """95 % bootstrap interval of the AUROC."""
    random = np.random.default_rng(0)
    y = np.asarray(right)
    found = []
    while len(found) < draws:
        rows = random.integers(0, len(y), len(y))
        if 0 < y[rows].sum() < len(y):
            found.append(auroc(p[rows], y[rows].tolist()))
    return [round(float(q), 4) for q in np.quantile(found, [0.025, 0.975])]


if __name__ == "__main__":
    main()
