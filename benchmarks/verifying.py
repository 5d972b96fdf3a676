"""What verifying answers brings and costs: the same questions with and without the loop.

    python -m benchmarks.verifying --data FOLDER --index wiki [--limit 150] [--out FOLDER]

Held-out questions of nq_gold against an index of Wikipedia passages (see benchmarks/policies.py);
the verifier `likelihood` is fitted on the other half. `--out` writes what it learned. Answers are
kept in the home's outcome cache, so that a run that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.record import record
from rag_router.assembly import assemble, load_parts
from rag_router.cli.options import fetch_announced, progress
from rag_router.eval.answering import Record, answer_questions
from rag_router.eval.datasets import data_hash, is_held_out, read_questions, sample
from rag_router.eval.outlook_fitting import fit_verifier, ratios_of
from rag_router.eval.outlooks import observe_questions
from rag_router.orchestrator import Ask
from rag_router.outcomes import RecordCache
from rag_router.scoring import alias_match
from rag_router.settings import GeneratorSettings, Settings
from rag_router.types import Question
from rag_router.verify import Rounds
from rag_router.verify.likelihood import LikelihoodVerifier


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--index", "indexes", multiple=True, default=("wiki",), show_default=True)
@click.option("--limit", default=150, show_default=True, help="Questions judged on.")
@click.option("--train", default=150, show_default=True, help="Questions learned from.")
@click.option("--rounds", default=1, show_default=True, help="Most further answers to each.")
@click.option("--model", default="gemma-3-270m", show_default=True)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for what was learned."
)
def main(
    data: Path,
    indexes: tuple[str, ...],
    limit: int,
    train: int,
    rounds: int,
    model: str,
    out: Path | None,
) -> None:
    """Fit, answer twice, compare and record."""
    settings = Settings(generator=GeneratorSettings(model=model), indexes=indexes)
    plain = assemble(settings, load_parts(settings, fetch=fetch_announced))
    cache = RecordCache(settings.home / "outcomes.sqlite")
    questions = read_questions([data / "nq_gold/dev.jsonl.gz"], answers=True)
    learned, held = (
        sample([q for q in questions if is_held_out(q.id) == side], count)
        for side, count in ((False, train), (True, limit))
    )
    bar, move = progress(f"{model} is observed")
    with bar:
        # Some of each half: the card tells how the verifier does on what it never saw.
        some = [*learned, *sample(held, limit // 3)]
        observed = observe_questions(plain, some, Ask(), cache=cache, on_progress=move)
    artefact = fit_verifier(plain.expert, observed, ratios_of(plain.expert, observed))
    if out is not None:
        artefact.save(out / f"verifier--likelihood--{model}")
    verifying = replace(
        plain,
        verifier=LikelihoodVerifier().with_artefact(artefact),
        rounds=Rounds(most=rounds),
    )
    figures: dict[str, Any] = {"n": len(held), "verifier": dict(artefact.card.metrics)}
    for name, service in (("without", plain), ("with", verifying)):
        bar, move = progress(f"{model}, {name} verifying")
        with bar:
            records = answer_questions(service, held, Ask(), cache=cache, on_progress=move)
        figures[name] = summed(held, records)
    fingerprint = {model: plain.expert.model.fingerprint}
    record("verifying", figures, data_hash=data_hash(held), models=fingerprint)


def summed(questions: Sequence[Question], records: Sequence[Record]) -> dict[str, float]:
    """Right answers of all, wrong ones among those given, and what they cost."""
    right = np.array(
        [alias_match(one.answer, q.answers) for q, one in zip(questions, records, strict=True)]
    )
    given = np.array([one.answer is not None for one in records])
    found = {
        "accuracy": float(right.mean()),
        "answered": float(given.mean()),
        "unverified": float(np.mean([one.reason == "unverified" for one in records])),
        "lm_forward_passes": float(np.mean([one.lm_forward_passes for one in records])),
        "prompt_tokens": float(np.mean([one.prompt_tokens for one in records])),
        "p50_ms": float(np.median([one.ms for one in records])),
    }
    if given.any():
        found["wrong_among_answered"] = float((~right)[given].mean())
    return {name: round(value, 4) for name, value in found.items()}


if __name__ == "__main__":
    main()
