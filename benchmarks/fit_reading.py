"""Fit how sure answers from passages are, and whether what is kept is enough, as it is shipped.

    python -m benchmarks.fit_reading --data FOLDER [--index wiki] [--out rag_router/fitted]

Both read the support that filters give to passages. `learned` is too sure of the questions that it
learned from; so these are asked behind one that learned from all questions but them, which is not
kept. The half of each set that `--held-out` names is not learned from, and is what cards tell of.
Answers are not kept: a fit that was stopped begins anew.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from benchmarks.fit_filters import publish, read_sets, taught_apart_from
from benchmarks.gates import MODELS
from rag_router import fitted
from rag_router.assembly import assemble, load_parts
from rag_router.cli.evaluate.common import DataSet
from rag_router.cli.options import fetch_announced, progress
from rag_router.eval.fitting import fit_sureness
from rag_router.eval.sufficiency_fitting import fit_sufficiency
from rag_router.filters import Filter
from rag_router.filters.learned import LearnedFilter
from rag_router.filters.sufficiency import SufficiencyFilter
from rag_router.orchestrator import Orchestrator
from rag_router.settings import Component, GeneratorSettings, Settings

SETS: Final = (
    "nq_gold/dev.jsonl.gz",
    "squad1/train_sample.jsonl.gz",
    "triviaqa/train.jsonl.gz",
    "popqa/sample_1k.jsonl.gz",
)
"""Files of the folder."""

DECODERS: Final = {
    ("plain", "gemma-3-270m"): 160,
    ("plain", "smollm2-135m-instruct"): 160,
    ("adaptive_contrast", "gemma-3-270m"): 60,
}
"""Questions of each set, by decoder and generator."""

FOR_SUFFICIENCY: Final = 300
"""Questions of each set: nothing is answered."""


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--index", "indexes", multiple=True, default=("wiki",), show_default=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(fitted.__file__).parent,
    help="Folder for the artefacts; the package's own by default.",
)
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
def main(data: Path, indexes: tuple[str, ...], out: Path, models: tuple[str, ...]) -> None:
    """Fit, write and tell."""
    settings = Settings(indexes=indexes)
    most = max(*DECODERS.values(), FOR_SUFFICIENCY)
    every = read_sets(data, dict.fromkeys(SETS, most))
    learned = taught_apart_from(every.questions, settings, data)
    asked = read_sets(data, dict.fromkeys(SETS, FOR_SUFFICIENCY))
    _fit_sufficiency(settings, asked, learned, out)
    for (decoder, model), count in DECODERS.items():
        if model not in models:
            continue
        own = Settings(
            indexes=indexes,
            generator=GeneratorSettings(model=model, batch_size=16),
            decoder=Component(name=decoder),
            gate=Component(name="never"),
        )
        orchestrator = assemble(own, load_parts(own, fetch=fetch_announced))
        bold = replace(
            orchestrator,
            filters=_behind(orchestrator.filters, learned),
            policy=replace(orchestrator.policy, abstain=False, min_support=0.0),
        )
        _fit_sureness(bold, read_sets(data, dict.fromkeys(SETS, count)), out)


def _fit_sufficiency(settings: Settings, asked: DataSet, learned: LearnedFilter, out: Path) -> None:
    by = assemble(settings, load_parts(settings, fetch=fetch_announced))
    bar, move = progress("searching")
    with bar:
        artefact = fit_sufficiency(
            SufficiencyFilter(),
            _behind(by.filters, learned),
            asked.questions,
            embedder=by.embedder,
            retriever=by.retriever,
            indices=list(by.indices.values()),
            expert=by.expert,
            on_progress=move,
        )
    publish(artefact, out / f"filter--sufficiency--{by.embedder.name}")


def _fit_sureness(by: Orchestrator, asked: DataSet, out: Path) -> None:
    bar, move = progress(f"{by.expert.name}, {by.decoder_name}")
    with bar:
        artefact = fit_sureness(by, asked.questions, on_progress=move)
    publish(artefact, out / f"decoder--{by.decoder_name}--{by.expert.name}")


def _behind(chain: tuple[Filter, ...], learned: LearnedFilter) -> tuple[Filter, ...]:
    """Put one filter in the place of that of its kind."""
    return tuple(learned if isinstance(one, LearnedFilter) else one for one in chain)


if __name__ == "__main__":
    main()
