"""`rag-router eval conflict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_router.cli.evaluate.common import (
    DataSet,
    Kept,
    evaluation_options,
    finish,
    manifest_of,
    read_data,
)
from rag_router.cli.options import fetch_announced, progress, settings_from

if TYPE_CHECKING:
    from rag_router.eval.conflict import ConflictRun
    from rag_router.eval.disputes import Dispute
    from rag_router.experts import Expert
    from rag_router.models.streams import Strategy
    from rag_router.settings import Settings
    from rag_router.types import Question

__all__ = ["conflict", "joined", "run_conflict"]

_TIMED = 20
"""Disputes on which strategies are timed, after a first batch that warms up."""


@click.command()
@evaluation_options
@click.option("--model", help="Who answers.")
@click.option("--strategy", "names", multiple=True, metavar="NAME", help="Only this decoder.")
@click.option(
    "--harm",
    "harm_paths",
    multiple=True,
    metavar="FILE",
    help="Further questions, to be harmed by passages beside the point; may be given several "
    "times. Only those that the model answers right from memory are used.",
)
@click.option(
    "--index",
    "indexes",
    multiple=True,
    metavar="NAME",
    help="Take passages beside the point from here: highly ranked, without the answer.",
)
def conflict(
    paths: tuple[str, ...],
    limit: int | None,
    held_out: bool,
    out: Path | None,
    config: Path | None,
    use_cache: bool,
    seed: int,
    as_json: bool,
    model: str | None,
    names: tuple[str, ...],
    harm_paths: tuple[str, ...],
    indexes: tuple[str, ...],
) -> None:
    """Compare decoders where memory and passages disagree.

    Sets bring true passages and falsified ones (`make-conflicts` makes them). Plain decoding
    always takes part, since conflicts are counted where it reads the true passage rightly.
    """
    from rag_router.assembly import load_expert
    from rag_router.eval.conflict import conflict_report

    settings = settings_from(config, expert=model, indexes=indexes)
    data = read_data(paths, limit=limit, held_out=held_out)
    harm = read_data(harm_paths, limit=limit, held_out=held_out) if harm_paths else None
    expert = load_expert(settings, fetch=fetch_announced)
    run = run_conflict(
        settings,
        expert,
        data,
        harm=harm,
        names=names,
        hard=bool(indexes),
        use_cache=use_cache,
        seed=seed,
    )
    both = data if harm is None else joined(data, harm)
    manifest = manifest_of(settings, [expert], both, seed=seed)
    report = conflict_report(run, manifest, title=f"Memory against passages: {expert.name}")
    finish(report, both, out=out, as_json=as_json)


def run_conflict(
    settings: Settings,
    expert: Expert,
    data: DataSet,
    *,
    harm: DataSet | None = None,
    names: tuple[str, ...] = (),
    hard: bool = False,
    use_cache: bool = True,
    seed: int = 0,
) -> ConflictRun:
    """Let every strategy settle every dispute.

    Args:
        settings: Of the run.
        expert: Who answers.
        data: Questions with true and falsified passages.
        harm: Further questions; those that the model knows get a passage beside the point.
        names: Strategies; none means all that can take part.
        hard: Whether passages beside the point come from the settings' indexes.
        use_cache: Whether answers are kept.
        seed: Of what is drawn.
    """
    from rag_router.eval.conflict import ConflictRun
    from rag_router.eval.disputes import disputes_of
    from rag_router.eval.labels import label
    from rag_router.eval.settling import ms_per_token, settle

    kept = Kept(settings.home / "outcomes.sqlite" if use_cache else None)
    strategies, skipped = _strategies(names)
    disputes = disputes_of(data.questions)
    asked = [*data.questions, *([] if harm is None else harm.questions)]
    bar, move = progress(f"{expert.name} answers")
    with bar:
        labelled = label(
            expert,
            asked,
            cache=kept.outcomes,
            batch_size=settings.generator.batch_size,
            on_progress=move,
        )
    said = {one.question.id: one.outcome.answer for one in labelled}
    own = {q.id for q in data.questions}
    targets = [
        one.question
        for one in labelled
        if one.question.answers and (one.question.id in own or one.right)
    ]
    disputes += _beside(settings, targets, disputes, hard=hard, seed=seed)
    bar, move = progress("decoders settle")
    with bar:
        answers = settle(strategies, expert, disputes, cache=kept.records, on_progress=move)
    return ConflictRun(
        disputes=disputes,
        memory=[said[one.question.id] for one in disputes],
        answers=answers,
        ms_per_token=ms_per_token(strategies, expert, disputes[:_TIMED]),
        skipped=skipped,
    )


def _strategies(names: tuple[str, ...]) -> tuple[dict[str, Strategy], dict[str, str]]:
    from rag_router.decoders import DECODERS
    from rag_router.errors import UsageError
    from rag_router.eval.settling import STREAMS

    built: dict[str, Strategy] = {}
    skipped: dict[str, str] = {}
    for name in dict.fromkeys(("plain", *(names or tuple(DECODERS)))):
        strategy = DECODERS.build(name)
        missing = set(strategy.streams) - STREAMS
        if not missing:
            built[name] = strategy
            continue
        why = f"reads the stream {', '.join(sorted(missing))}, which is not started"
        if name in names:
            raise UsageError(f"the decoder {name!r} {why}.", hint="Leave it out.")
        skipped[name] = why
    return built, skipped


def _beside(
    settings: Settings,
    targets: list[Question],
    disputes: list[Dispute],
    *,
    hard: bool,
    seed: int,
) -> list[Dispute]:
    """Give the questions passages beside the point: from an index, or from each other."""
    from rag_router.eval.disputes import beside_the_point, found_beside_the_point

    if not hard:
        pool = [p for one in disputes if one.condition == "gold" for p in one.passages]
        return beside_the_point(targets, pool, seed=seed)
    from rag_router.assembly import load_embedder, open_indexes
    from rag_router.retrievers import RETRIEVERS

    embedder = load_embedder(settings, fetch=fetch_announced)
    options = {"k": 20, **settings.retriever.options}
    return found_beside_the_point(
        targets,
        RETRIEVERS.build(settings.retriever.name, **options),
        tuple(open_indexes(settings, embedder).values()),
        embedder,
    )


def joined(one: DataSet, other: DataSet) -> DataSet:
    """Put two sets behind one another."""
    return DataSet(
        questions=[*one.questions, *other.questions],
        sets=[*one.sets, *other.sets],
        files=(*one.files, *other.files),
        paths=(*one.paths, *other.paths),
    )
