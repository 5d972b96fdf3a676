"""Closed-book answer against answer with the gold passage, for both bundled generators.

    python -m benchmarks.generators --data FOLDER/nq_gold/dev.jsonl.gz [--limit 300]

The questions are of the held-out half of the set, by hash of their ids; nothing was chosen on it.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import click

from benchmarks.record import record
from rag_router.assembly import load_expert
from rag_router.cli.options import progress
from rag_router.eval.answers import with_gold, without_passages
from rag_router.eval.datasets import data_hash, is_held_out, read_questions
from rag_router.settings import GeneratorSettings, Settings

MODELS = ("gemma-3-270m", "smollm2-135m-instruct")


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--limit", default=300, show_default=True)
def main(data: Path, limit: int) -> None:
    """Measure, print and record."""
    questions = [q for q in read_questions([data], answers=True) if is_held_out(q.id)][:limit]
    figures: dict[str, object] = {"n": len(questions)}
    fingerprints: dict[str, str] = {}
    for name in MODELS:
        settings = Settings(generator=GeneratorSettings(model=name))
        expert = load_expert(settings)
        fingerprints[name] = expert.model.fingerprint
        rows = {}
        for label, measure in (("closed_book", without_passages), ("gold_passage", with_gold)):
            bar, move = progress(f"{name} {label}")
            with bar:
                found = measure(expert, questions, batch_size=32, on_progress=move)
            rows[label] = {
                "accuracy": round(found.accuracy, 4),
                "standard_error": round(
                    sqrt(found.accuracy * (1 - found.accuracy) / len(questions)), 4
                ),
                "em": round(found.em, 4),
                "f1": round(found.f1, 4),
            }
        figures[name] = rows
    record("generators", figures, data_hash=data_hash(questions), models=fingerprints)


if __name__ == "__main__":
    main()
