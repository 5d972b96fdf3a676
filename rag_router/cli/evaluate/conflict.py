"""`rag-router eval conflict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_router.cli.evaluate.common import (
    DataSet,
    evaluation_options,
    finish,
    manifest_of,
    read_data,
    require_report,
)
from rag_router.cli.evaluate.kept import Kept
from rag_router.cli.options import fetch_announced, progress, settings_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag_router.eval.conflict import ConflictRun
    from rag_router.eval.disputes import Dispute
    from rag_router.eval.labels import Labelled
    from rag_router.experts import Expert
    from rag_router.models.streams import Facts, Strategy
    from rag_router.outcomes import RecordCache
    from rag_router.settings import Settings
    from rag_router.types import Question

__all__ = ["conflict", "joined", "run_conflict"]

_KNOWER = "p_ik"
"""The gate that says what memory knows: it takes no pass beyond the closed-book one."""

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
    from rag_router.assembly import index_names, load_expert
    from rag_router.eval.conflict import conflict_report
    from rag_router.eval.manifest import presentable

    settings = settings_from(config, expert=model, indexes=indexes)
    _strategies(settings, names)
    if indexes:
        index_names(settings)
    require_report(out)
    data = read_data(paths, limit=limit, held_out=held_out)
    harm = read_data(harm_paths, limit=limit, held_out=held_out) if harm_paths else None
    _disputes(data)
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
    who = presentable(expert.name)
    report = conflict_report(run, manifest, title=f"Memory against passages: {who}")
    finish(report, both, out=out, as_json=as_json)


def run_conflict(
    settings: Settings,
    expert: Expert,
    data: DataSet,
    *,
    harm: DataSet | None = None,
    names: tuple[str, ...] = (),
    hard: bool = False,
    known_only: bool = False,
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
        known_only: Whether only what the model knows gets passages beside the point.
        use_cache: Whether answers are kept.
        seed: Of what is drawn.

    Raises:
        DataError: no question brings a passage of its own.
    """
    from rag_router.eval.conflict import ConflictRun
    from rag_router.eval.labels import label
    from rag_router.eval.settling import measured, ms_per_token, settle

    built, skipped = _strategies(settings, names, expert)
    disputes = _disputes(data)
    asked = [*data.questions, *([] if harm is None else harm.questions)]
    generator = settings.generator
    with Kept.of(settings, use_cache=use_cache) as kept:
        bar, move = progress(f"{expert.name} answers")
        with bar:
            labelled = label(
                expert,
                asked,
                cache=kept.outcomes,
                batch_size=generator.batch_size,
                on_progress=move,
            )
        # Rows and not ids: two sets may use the same ones.
        rows = [
            row
            for row, one in enumerate(labelled)
            if one.question.answers
            and (one.right or (row < len(data.questions) and not known_only))
        ]
        disputes += _beside(settings, asked, rows, disputes, hard=hard, seed=seed)
        strategies = measured(built, expert, cache=kept.records)
        facts = _facts(settings, strategies, expert, disputes, labelled, cache=kept.records)
        bar, move = progress("decoders settle")
        with bar:
            answers = settle(
                strategies,
                expert,
                disputes,
                facts=facts,
                cache=kept.records,
                # Each is decoded by all strategies, in two streams and more.
                batch_size=max(generator.batch_size // 2, 1),
                on_progress=move,
            )
        paces = ms_per_token(
            strategies,
            expert,
            disputes[:_TIMED],
            machine=f"{generator.device} {generator.dtype}",
            cache=kept.records,
        )
    return ConflictRun(
        disputes=disputes,
        memory=[labelled[one.row].outcome.answer for one in disputes],
        answers=answers,
        ms_per_token=paces,
        skipped=skipped,
    )


def _facts(
    settings: Settings,
    strategies: Mapping[str, Strategy],
    expert: Expert,
    disputes: Sequence[Dispute],
    labelled: Sequence[Labelled],
    *,
    cache: RecordCache | None,
) -> list[Facts] | None:
    """Find out what the service would know of each dispute, if a strategy reads any of it."""
    from rag_router.assembly import load_embedder, load_filters, load_gate
    from rag_router.eval.dispute_facts import facts_of
    from rag_router.filters import FittedFilter
    from rag_router.gates import FittedGate
    from rag_router.models.streams import InformedStrategy
    from rag_router.settings import Component

    if not any(isinstance(one, InformedStrategy) for one in strategies.values()):
        return None
    gate = load_gate(Component(name=_KNOWER), expert)
    embedder = load_embedder(settings, fetch=fetch_announced)
    bar, move = progress("what is known before")
    with bar:
        return facts_of(
            disputes,
            labelled,
            expert,
            gate=gate if isinstance(gate, FittedGate) and gate.fitted else None,
            filters=[
                one
                for one in load_filters(settings, embedder)
                if isinstance(one, FittedFilter) and one.fitted
            ],
            embedder=embedder,
            cache=cache,
            batch_size=settings.generator.batch_size,
            on_progress=move,
        )


def _disputes(data: DataSet) -> list[Dispute]:
    from rag_router.errors import DataError
    from rag_router.eval.disputes import disputes_of

    found = disputes_of(data.questions)
    if not found:
        raise DataError(
            f"none of {len(data.questions)} questions of {', '.join(data.paths)} brings a passage "
            "that is true or falsified.",
            hint="Make a set: rag-router eval make-conflicts --data FILE --out FILE.",
        )
    return found


def _strategies(
    settings: Settings, names: tuple[str, ...], expert: Expert | None = None
) -> tuple[dict[str, Strategy], dict[str, str]]:
    """Build the decoders that take part; once it is known who answers, say of others why not."""
    from rag_router.assembly import taught
    from rag_router.decoders import DECODERS
    from rag_router.decoders.requirements import abilities_of
    from rag_router.errors import UsageError
    from rag_router.settings import Component

    built: dict[str, Strategy] = {}
    skipped: dict[str, str] = {}
    for name in dict.fromkeys(("plain", *(names or tuple(DECODERS)))):
        options = settings.decoder.options if name == settings.decoder.name else {}
        # How sure answers are was learned of the decoder, and changes none of them.
        strategy = DECODERS.build(name, **{k: v for k, v in options.items() if k != "artefact"})
        if expert is not None:
            strategy = taught(strategy, Component(name=name, **options), expert)
        lacking = abilities_of(strategy) - expert.model.abilities if expert else frozenset()
        if expert is None or not lacking:
            built[name] = strategy
            continue
        why = f"reads {', '.join(sorted(lacking))}, which {expert.name} does not show"
        if name in names:
            raise UsageError(f"the decoder {name!r} {why}.", hint="Leave it out.")
        skipped[name] = why
    return built, skipped


def _beside(
    settings: Settings,
    asked: list[Question],
    rows: list[int],
    disputes: list[Dispute],
    *,
    hard: bool,
    seed: int,
) -> list[Dispute]:
    """Give some of the questions passages beside the point: from an index, or from each other."""
    from rag_router.eval.disputes import beside_the_point, found_beside_the_point

    if not hard:
        pool = [p for one in disputes if one.condition == "gold" for p in one.passages]
        return beside_the_point(asked, pool, rows=rows, seed=seed)
    from rag_router.assembly import load_embedder, load_retriever, open_indexes
    from rag_router.settings import Component

    embedder = load_embedder(settings, fetch=fetch_announced)
    opened = tuple(open_indexes(settings, embedder).values())
    options = {"k": 20, **settings.retriever.options}
    return found_beside_the_point(
        asked,
        load_retriever(Component(name=settings.retriever.name, **options), embedder, opened),
        opened,
        embedder,
        rows=rows,
    )


def joined(one: DataSet, other: DataSet) -> DataSet:
    """Put two sets behind one another."""
    return DataSet(
        questions=[*one.questions, *other.questions],
        sets=[*one.sets, *other.sets],
        files=(*one.files, *other.files),
        paths=(*one.paths, *other.paths),
        counts=(*one.counts, *other.counts),
    )
