"""Who should answer? Routers among experts in memory, and between two recorded models.

    python -m benchmarks.experts --data FOLDER --write-training FOLDER
    python -m benchmarks.experts --data FOLDER [--adapter NAME=FOLDER]... [--limit 400]

Experts in memory: both bundled generators, and adapters that `rag-router expert fit` trained on
what `--write-training` wrote. Up to `--limit` questions of six fields are asked of each, routers
learn from one half and are judged on the other, and the other way round. Recorded: GPT-4 and
Mixtral on MMLU and GSM8K, five parts and two halves, several splits. Time: routing among ten
experts. What was answered and embedded is kept, so that a run that is cut off goes on from there.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.experts_fields import write_training
from benchmarks.experts_judged import OURS, PUBLISHED
from benchmarks.experts_local import local_figures
from benchmarks.experts_recorded import recorded_figures
from benchmarks.record import RESULTS, record
from rag_router.assembly import load_embedder
from rag_router.cli.evaluate.kept import Kept
from rag_router.cli.options import fetch_announced
from rag_router.experts.card import Card
from rag_router.experts.routing import EXPERT_ROUTERS, RoutingContext
from rag_router.experts.routing.learned import LearnedExpertRouter
from rag_router.experts.routing.lesson import OutcomeLesson
from rag_router.settings import Settings

MODELS = ("gemma-3-270m", "smollm2-135m-instruct")


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
@click.option("--adapter", "adapters", multiple=True, metavar="NAME=FOLDER")
@click.option("--limit", default=400, show_default=True, help="Most questions of a field.")
@click.option("--recorded-limit", type=int, help="Most recorded questions of a file.")
@click.option("--seeds", default=5, show_default=True, help="Splits of the recorded questions.")
@click.option("--seed", default=0, show_default=True, help="Split of the questions asked here.")
@click.option("--part", type=click.Choice(["all", "local", "recorded", "time"]), default="all")
@click.option(
    "--write-training", "training", type=click.Path(path_type=Path), help="Write and stop."
)
def main(
    data: Path,
    models: tuple[str, ...],
    adapters: tuple[str, ...],
    limit: int,
    recorded_limit: int | None,
    seeds: int,
    seed: int,
    part: str,
    training: Path | None,
) -> None:
    """Measure, print and record; a part that is not measured stays as the newest result has it."""
    if training is not None:
        print(write_training(data, training))
        return
    settings = Settings()
    newest = sorted(RESULTS.glob("????-??-??-experts.json"))[-1:]
    figures: dict[str, Any] = {}
    manifest: dict[str, Any] = {"models": {}, "data_hash": ""}
    for path in newest:
        document = json.loads(path.read_text(encoding="utf-8"))
        figures |= document["figures"]
        manifest |= {key: document["manifest"].get(key, manifest[key]) for key in manifest}
    if part in {"all", "time"}:
        figures["ms_for_ten_experts"] = routing_times()
        print(figures["ms_for_ten_experts"], flush=True)
    if part in {"all", "recorded"}:
        embedder = load_embedder(settings, fetch=fetch_announced)
        with Kept.of(settings, use_cache=True) as kept:
            assert kept.records is not None
            figures["recorded"] = recorded_figures(
                data, embedder, kept.records, limit=recorded_limit, seeds=seeds
            )
    if part in {"all", "local"}:
        embedder = load_embedder(settings, fetch=fetch_announced)
        figures["local"], manifest["models"], manifest["data_hash"] = local_figures(
            data,
            settings,
            embedder,
            models=models,
            adapters={name: Path(at) for name, _, at in (a.partition("=") for a in adapters)},
            limit=limit,
            seed=seed,
        )
    record("experts", figures, **manifest, limit=limit, seeds=seeds, seed=seed)


def routing_times(
    experts: int = 10, questions: int = 2_000, asked: int = 300
) -> dict[str, dict[str, float]]:
    """Route questions one by one among experts of made-up outcomes; milliseconds a question.

    What experts say they know is there already: it comes from passes that are made anyway.
    """
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(questions + asked, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    said = draw.uniform(0.05, 0.95, size=(questions + asked, experts))
    right = (draw.uniform(size=said.shape) < said).astype(np.float64)
    cards = [
        Card(name=f"expert {n}", kind="local", model="made up", abilities=frozenset(), parameters=n)
        for n in range(1, experts + 1)
    ]
    lesson = OutcomeLesson(
        experts=tuple(card.name for card in cards),
        vectors=vectors[:questions],
        right=right[:questions],
        cost=np.tile(np.arange(1.0, experts + 1), (questions, 1)),
        fields=tuple(f"field {n % 12}" for n in range(questions)),
        p_know=said[:questions],
    )
    out = {}
    for name in ("random", "best_single", *PUBLISHED, *OURS):
        router = EXPERT_ROUTERS.build(name)
        if isinstance(router, LearnedExpertRouter):
            router = router.fit(lesson)
        took = []
        for row in range(questions, questions + asked):
            context = RoutingContext(
                embeddings=vectors[row : row + 1],
                p_know=lambda name, rows, row=row: [said[row, int(name.split()[1]) - 1]],
            )
            begin = time.perf_counter()
            router.rank(["a question"], cards, context)
            took.append(1000 * (time.perf_counter() - begin))
        out[name] = {
            "median": round(float(np.median(took)), 3),
            "p95": round(float(np.quantile(took, 0.95)), 3),
        }
    return out


if __name__ == "__main__":
    main()
