"""Fit the filters that are shipped: `threshold`, `learned`, and both `knowledge_rise`.

    python -m benchmarks.fit_filters --data FOLDER [--index wiki] [--out rag_router/fitted]

`threshold` is fitted for the retriever of the settings, and `learned` on what that finds for four
sets; its card also tells how it does on each of them having learned from the other three. The half
of each set that `--held-out` names is never learned from. `knowledge_rise` hears what `learned`
says, which is too sure of the questions it was taught; so it is taught behind one that learned from
all questions but those (which is not kept).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from benchmarks.gates import MODELS
from rag_router import fitted
from rag_router.artefacts import Artefact
from rag_router.cli.evaluate.common import DataSet, read_data
from rag_router.cli.filter_fit import fitted_filter, fitted_threshold
from rag_router.filters.learned import LearnedFilter
from rag_router.scoring import normalise
from rag_router.settings import GeneratorSettings, Settings
from rag_router.types import Question

FOR_THRESHOLD: Final = {
    "nq_open/train_sample.jsonl": 400,
    "nq_gold/dev.jsonl.gz": 400,
    "squad1/train_sample.jsonl.gz": 400,
    "popqa/sample_1k.jsonl.gz": 400,
}
FOR_LEARNED: Final = {
    "nq_gold/dev.jsonl.gz": 1281,
    "squad1/train_sample.jsonl.gz": 900,
    "triviaqa/train.jsonl.gz": 800,
    "popqa/sample_1k.jsonl.gz": 500,
}
FOR_RISE: Final = {
    "nq_gold/dev.jsonl.gz": 240,
    "squad1/train_sample.jsonl.gz": 140,
    "triviaqa/train.jsonl.gz": 120,
    "popqa/sample_1k.jsonl.gz": 100,
}
"""Files of the folder, and the most questions of each; one half is learned from."""

_SHOWN: Final = 5
"""Passages of each question that `knowledge_rise` reads."""

FILTERS_FITTED: Final = ("threshold", "learned", "knowledge_rise")


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
@click.option(
    "--filter",
    "names",
    multiple=True,
    type=click.Choice(FILTERS_FITTED),
    default=FILTERS_FITTED,
    show_default=True,
)
@click.option("--limit", type=click.IntRange(min=1), help="Most questions of each set.")
def main(
    data: Path,
    indexes: tuple[str, ...],
    out: Path,
    models: tuple[str, ...],
    names: tuple[str, ...],
    limit: int | None,
) -> None:
    """Fit, write and tell."""
    settings = Settings(indexes=indexes)
    embedder = settings.embedder.model
    if "threshold" in names:
        publish(
            fitted_threshold(settings, read_sets(data, FOR_THRESHOLD, limit)),
            out / f"filter--threshold--{embedder}",
        )
    if "learned" in names:
        asked = read_sets(data, FOR_LEARNED, limit)
        publish(
            fitted_filter(settings, "learned", asked, transfer=True, own_passages=False),
            out / f"filter--learned--{embedder}",
        )
    if "knowledge_rise" in names:
        asked = read_sets(data, FOR_RISE, limit)
        before = taught_apart_from(asked.questions, settings, data, limit)
        for model in models:
            own = Settings(indexes=indexes, generator=GeneratorSettings(model=model, batch_size=4))
            publish(
                fitted_filter(
                    own,
                    "knowledge_rise",
                    asked,
                    before=(before,),
                    own_passages=False,
                    top=_SHOWN,
                ),
                out / f"filter--knowledge_rise--{model}",
            )


def taught_apart_from(
    asked: Sequence[Question], settings: Settings, data: Path, limit: int | None = None
) -> LearnedFilter:
    """Fit `learned` on what it is shipped with, but not on some questions."""
    others = without(read_sets(data, FOR_LEARNED, limit), asked)
    artefact = fitted_filter(settings, "learned", others, own_passages=False)
    return LearnedFilter().with_artefact(artefact)


def without(every: DataSet, some: Sequence[Question]) -> DataSet:
    """Leave out what some ask, in whichever set it stands."""
    texts = {normalise(question.text) for question in some}
    rest = [row for row, one in enumerate(every.questions) if normalise(one.text) not in texts]
    return replace(
        every,
        questions=[every.questions[row] for row in rest],
        sets=[every.sets[row] for row in rest],
    )


def read_sets(folder: Path, most: Mapping[str, int], limit: int | None = None) -> DataSet:
    """Read so many questions of each set, put together.

    Args:
        folder: Where the sets are.
        most: Questions of each file.
        limit: No more than these of any.
    """
    parts = [
        read_data([str(folder / name)], limit=min(count, limit or count), held_out=False)
        for name, count in most.items()
    ]
    return DataSet(
        questions=[question for part in parts for question in part.questions],
        # The files of several folders may have one name.
        sets=[
            name.partition("/")[0]
            for name, part in zip(most, parts, strict=True)
            for _ in part.questions
        ],
        files=tuple(file for part in parts for file in part.files),
        paths=tuple(path for part in parts for path in part.paths),
        counts=tuple(count for part in parts for count in part.counts),
    )


def publish(artefact: Artefact, folder: Path) -> None:
    artefact.save(folder)
    card = artefact.card
    print(folder.name, card.threshold, dict(card.metrics), dict(card.notes), flush=True)


if __name__ == "__main__":
    main()
