"""`rag-router eval routing`."""

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
    from rag_router.eval.routing import RoutingRun
    from rag_router.experts import Expert
    from rag_router.settings import Settings

__all__ = ["routing"]


@click.command()
@evaluation_options
@click.option(
    "--model", "models", multiple=True, help="Who may answer; give two or more.", required=True
)
def routing(
    paths: tuple[str, ...],
    limit: int | None,
    held_out: bool,
    out: Path | None,
    config: Path | None,
    use_cache: bool,
    seed: int,
    as_json: bool,
    models: tuple[str, ...],
) -> None:
    """Compare ways to choose among generators, on outcomes that are kept.

    The router "surest" sends a question to the model whose own gate is surest that it knows.
    """
    from rag_router.eval.routing import routing_report

    settings = settings_from(config)
    data = read_data(paths, limit=limit, held_out=held_out)
    kept = Kept(settings.home / "outcomes.sqlite" if use_cache else None)
    run, experts = _run(settings, models, data, kept, seed)
    manifest = manifest_of(settings, experts, data, seed=seed)
    report = routing_report(run, manifest, title="Who should answer")
    finish(report, data, out=out, as_json=as_json)


def _run(
    settings: Settings, models: tuple[str, ...], data: DataSet, kept: Kept, seed: int
) -> tuple[RoutingRun, list[Expert]]:
    import time

    import numpy as np

    from rag_router.assembly import load_expert, load_gate, load_partners
    from rag_router.eval.judging import judge_questions
    from rag_router.eval.labels import label
    from rag_router.eval.routing import RoutingRun
    from rag_router.models.prompts import closed_book_prompt

    size = settings.generator.batch_size
    right, cost, sure, answers, experts = [], [], [], {}, []
    begin = spent = 0.0
    for name in models:
        expert = load_expert(settings, model=name, fetch=fetch_announced)
        bar, move = progress(f"{expert.name} answers")
        with bar:
            labelled = label(
                expert, data.questions, cache=kept.outcomes, batch_size=size, on_progress=move
            )
        gate = load_gate(settings.gate, expert)
        partners = load_partners(settings, expert, [gate], fetch=fetch_announced).partners
        begin = time.perf_counter()
        bar, move = progress(f"{settings.gate.name} judges")
        with bar:
            judged = judge_questions(
                {"gate": gate},
                expert,
                labelled,
                partners=partners,
                cache=kept.records,
                batch_size=size,
                seed=seed,
                on_progress=move,
            )["gate"]
        spent += time.perf_counter() - begin
        billions = expert.model.parameters / 1e9
        read = [
            len(closed_book_prompt(expert.model, expert.style, q.text).ids) for q in data.questions
        ]
        right.append([float(one.right) for one in labelled])
        cost.append(
            [
                billions * (tokens + len(one.outcome.logprobs))
                for tokens, one in zip(read, labelled, strict=True)
            ]
        )
        sure.append(judged.p_know)
        answers[expert.name] = [one.outcome.answer for one in labelled]
        experts.append(expert)
    table = np.array(sure).T
    dearest = int(np.argmax(np.array(right).mean(axis=1)))
    others = np.delete(table, dearest, axis=1).max(axis=1) if len(models) > 1 else table[:, 0]
    return RoutingRun(
        questions=data.questions,
        models=tuple(expert.name for expert in experts),
        right=np.array(right).T,
        cost=np.array(cost).T,
        choices={"surest": table.argmax(axis=1)},
        ms={"surest": 1000 * spent / len(data.questions)},
        answers=answers,
        preference=table[:, dearest] - others,
    ), experts
