"""Several experts, one answer: what it costs a token, and what it brings.

    python -m benchmarks.fusion --part speed [--tokens 24] [--rows 8] [--pair "two models"]
    python -m benchmarks.fusion --data FOLDER [--adapter NAME=FOLDER]... [--limit 100] [--out AT]

Speed: two experts of gemma-3-270m against one, as two models, as base and adapter and as two
adapters, whose weights are random; with `--seconds` each pair and batch begins no further round
after so long. Two models at eight questions, in less than three minutes on two idle cores:

    python -m benchmarks.fusion --part speed --rows 8 --pair "two models" --tokens 8 --seconds 90

Accuracy: questions of six fields, from memory, for each expert, for fusions of their answers, and,
for those of the first one's vocabulary, for fusions of their tokens. Without adapters the first
model with other prompts takes their place. Answers are kept, so that a run that is cut off goes on
from there; what is not measured stays as the newest result has it. `--out` writes what `frugal`
goes by (`fusion.artefact`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from benchmarks.fusion_accuracy import accuracies
from benchmarks.fusion_speed import PAIRS, TOKEN_FUSIONS, joined, speeds
from benchmarks.record import RESULTS, record
from rag_router.settings import Settings

MODELS = ("gemma-3-270m", "smollm2-135m-instruct")


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder of question sets.")
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
@click.option("--adapter", "adapters", multiple=True, metavar="NAME=FOLDER")
@click.option("--shots", multiple=True, type=int, help="The first model with so many examples.")
@click.option("--limit", default=100, show_default=True, help="Most questions of a field.")
@click.option("--part", type=click.Choice(["all", "speed", "accuracy"]), default="all")
@click.option("--tokens", default=24, show_default=True, help="Tokens timed.")
@click.option("--rounds", default=7, show_default=True, help="How often each is timed.")
@click.option("--rows", multiple=True, type=int, default=(1, 8), show_default=True)
@click.option(
    "--pair", "pairs", multiple=True, type=click.Choice(PAIRS), default=PAIRS, show_default=True
)
@click.option(
    "--fusion",
    "fusions",
    multiple=True,
    type=click.Choice(TOKEN_FUSIONS),
    default=TOKEN_FUSIONS,
    show_default=True,
)
@click.option("--seconds", default=float("inf"), help="Rounds of a pair and a batch end then.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path))
def main(
    data: Path | None,
    models: tuple[str, ...],
    adapters: tuple[str, ...],
    shots: tuple[int, ...],
    limit: int,
    part: str,
    tokens: int,
    rounds: int,
    rows: tuple[int, ...],
    pairs: tuple[str, ...],
    fusions: tuple[str, ...],
    seconds: float,
    out: Path | None,
) -> None:
    """Measure, print and record."""
    if part != "speed" and data is None:
        raise click.UsageError("accuracy needs --data.")
    figures: dict[str, Any] = {}
    manifest: dict[str, Any] = {"models": {}, "data_hash": ""}
    for path in sorted(RESULTS.glob("????-??-??-fusion.json"))[-1:]:
        document = json.loads(path.read_text(encoding="utf-8"))
        figures |= document["figures"]
        manifest |= {key: document["manifest"].get(key, manifest[key]) for key in manifest}
    settings = Settings()
    if part != "accuracy":
        timed = speeds(
            settings,
            tokens=tokens,
            rounds=rounds,
            rows=rows,
            pairs=pairs,
            fusions=fusions,
            seconds=seconds,
        )
        figures["ms_per_token"] = joined(figures.get("ms_per_token", {}), timed)
    if data is not None and part != "speed":
        figures["accuracy"], manifest["models"], manifest["data_hash"] = accuracies(
            data,
            settings,
            models=models,
            adapters={name: Path(at) for name, _, at in (a.partition("=") for a in adapters)},
            shots=shots or (() if adapters else (2, 0)),
            limit=limit,
            out=out,
        )
    record("fusion", figures, **manifest, limit=limit)


if __name__ == "__main__":
    main()
