"""`rag-router eval routing`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from rag_router.cli.evaluate.named_experts import settings_for
from rag_router.cli.evaluate.prices import prices_of
from rag_router.cli.evaluate.routers import (
    outcomes_of,
    read_routers,
    require_answering,
    require_known,
    with_routers,
)
from rag_router.cli.options import fetch_announced, progress, settings_from
from rag_router.cli.route_fit import embedder_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from rag_router.eval.routing import RoutingRun
    from rag_router.experts import Expert
    from rag_router.settings import Settings

__all__ = ["routing", "run_routing"]


@click.command()
@evaluation_options
@click.option(
    "--model",
    "models",
    multiple=True,
    help="Who may answer, a model or an expert of the settings; give two or more.",
)
@click.option(
    "--recorded",
    multiple=True,
    metavar="NAME[=PRICE]",
    help="In place of --model: an expert whose outcomes the questions hold (meta: NAME_correct), "
    "and its price of a million tokens; give two or more.",
)
@click.option(
    "--router",
    "routers",
    multiple=True,
    metavar="NAME",
    help="A router among experts, or the folder of a fitted one; may be given several times. One "
    "that has to learn learns from one half of the questions, and all are judged on the other.",
)
@click.pass_context
def routing(
    context: click.Context,
    paths: tuple[str, ...],
    limit: int | None,
    held_out: bool,
    out: Path | None,
    config: Path | None,
    use_cache: bool,
    seed: int,
    as_json: bool,
    models: tuple[str, ...],
    recorded: tuple[str, ...],
    routers: tuple[str, ...],
) -> None:
    """Compare ways to choose among generators, on outcomes that are kept.

    The router "surest" sends a question to the model whose own gate is surest that it knows;
    other routers are named by --router. Outcomes that others recorded are judged without asking
    anybody.
    """
    from rag_router.eval.expert_outcomes import shown_text
    from rag_router.eval.routing import routing_report

    settings = settings_from(config)
    require_answering(models, recorded)
    require_known(routers)
    require_report(out)
    data = read_data(paths, limit=limit, held_out=held_out)
    run, matrix, manifest = outcomes_of(
        settings,
        data,
        models=models,
        recorded=recorded,
        use_cache=use_cache,
        seed=seed,
        fetch=fetch_announced,
    )
    if routers:
        embedder = embedder_of(context, settings)
        built = read_routers(routers, embedder)
        vectors = embedder.encode_queries([shown_text(q) for q in matrix.questions])
        run = with_routers(run, matrix, built, vectors, seed=seed)
    report = routing_report(run, manifest, title="Who should answer")
    finish(report, data, out=out, as_json=as_json)


def run_routing(
    settings: Settings,
    experts: Iterable[Expert],
    data: DataSet,
    *,
    use_cache: bool = True,
    seed: int = 0,
) -> tuple[RoutingRun, dict[str, Any]]:
    """Let every expert answer every question, and its gate say how sure it is.

    Args:
        settings: Of the run.
        experts: Two or more, of different names.
        data: What is asked.
        use_cache: Whether answers are kept.
        seed: Of signals that sample.

    Returns:
        What was found, and what it was made with.
    """
    import numpy as np

    from rag_router.eval.routing import RoutingRun

    asked: list[Expert] = []
    columns: list[_Column] = []
    with Kept.of(settings, use_cache=use_cache) as kept:
        for expert in experts:
            asked.append(expert)
            own = settings_for(settings, expert.name)
            columns.append(_column(own, expert, data, kept, seed))
    right = np.array([column.right for column in columns]).T
    sure = np.array([column.sure for column in columns]).T
    preference = None
    if len(asked) > 1:
        strongest = int(np.argmax(right.mean(axis=0)))
        preference = sure[:, strongest] - np.delete(sure, strongest, axis=1).max(axis=1)
    run = RoutingRun(
        questions=data.questions,
        models=tuple(expert.name for expert in asked),
        right=right,
        cost=np.array([column.cost for column in columns]).T,
        choices={"surest": sure.argmax(axis=1)},
        ms={"surest": sum(column.ms for column in columns)},
        answers={
            expert.name: column.answers for expert, column in zip(asked, columns, strict=True)
        },
        preference=preference,
        sure=sure,
    )
    return run, manifest_of(settings, asked, data, seed=seed)


@dataclass(frozen=True, slots=True)
class _Column:
    """What one model makes of every question."""

    answers: list[str]
    right: list[float]
    cost: list[float]
    sure: NDArray[np.float64]
    ms: float


def _column(settings: Settings, expert: Expert, data: DataSet, kept: Kept, seed: int) -> _Column:
    from rag_router.assembly import load_gate, load_partners
    from rag_router.eval.judging import judge_questions
    from rag_router.eval.labels import label
    from rag_router.models.prompts import closed_book_prompt

    size = settings.generator.batch_size
    bar, move = progress(f"{expert.name} answers")
    with bar:
        labelled = label(
            expert, data.questions, cache=kept.outcomes, batch_size=size, on_progress=move
        )
    gate = load_gate(settings.gate, expert)
    parts = load_partners(settings, expert, [gate], fetch=fetch_announced)
    bar, move = progress(f"{settings.gate.name} judges")
    with bar:
        judged = judge_questions(
            {"gate": gate},
            expert,
            labelled,
            partners=parts.partners,
            cache=kept.records,
            batch_size=size,
            seed=seed,
            on_progress=move,
        )["gate"]
    price = prices_of(settings, parts, {"gate": gate}, labelled, kept, seed)["gate"]
    billions = expert.model.parameters / 1e9
    read = [len(closed_book_prompt(expert.model, expert.style, q.text).ids) for q in data.questions]
    return _Column(
        answers=[one.outcome.answer for one in labelled],
        right=[float(one.right) for one in labelled],
        cost=[
            billions * (tokens + len(one.outcome.logprobs))
            for tokens, one in zip(read, labelled, strict=True)
        ],
        sure=judged.p_know,
        # Whoever is to be the surest has to read the question and be asked.
        ms=price.pass_ms + price.ms,
    )
