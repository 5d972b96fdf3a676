"""`rag-router eval answers`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from collections.abc import Sequence

    from rag_router.assembly import Parts
    from rag_router.eval.answering import Record
    from rag_router.eval.policy_report import PolicyRun
    from rag_router.settings import Settings
    from rag_router.types import Question

__all__ = ["answers", "run_policies"]


@click.command()
@evaluation_options
@click.option("--model", help="Who answers.")
@click.option("--gate", "names", multiple=True, metavar="NAME", help="A further gate to compare.")
@click.option("--index", "indexes", multiple=True, metavar="NAME", help="Look only in this index.")
def answers(
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
    indexes: tuple[str, ...],
) -> None:
    """Compare when to retrieve: never, always, as gates say, at random, as an oracle.

    All policies are the same service on the same questions. With an index, the passages that
    come with a question are not shown.
    """
    from rag_router.eval.policy_report import policy_report
    from rag_router.gates import GATES

    settings = settings_from(config, expert=model, indexes=indexes)
    for name in names:
        GATES.get(name)
    data = read_data(paths, limit=limit, held_out=held_out)
    run, manifest = run_policies(settings, data, names=names, use_cache=use_cache, seed=seed)
    report = policy_report(run, manifest, title=f"When {settings.generator.model} looks things up")
    finish(report, data, out=out, as_json=as_json)


def run_policies(
    settings: Settings,
    data: DataSet,
    *,
    names: tuple[str, ...] = (),
    use_cache: bool = True,
    seed: int = 0,
) -> tuple[PolicyRun, dict[str, Any]]:
    """Let the service answer with retrieval switched off and on, once for each gate.

    Returns:
        What was answered, and what it was made with.
    """
    from rag_router.assembly import load_parts
    from rag_router.eval.policy_report import PolicyRun

    parts = load_parts(settings, fetch=fetch_announced)
    kept = Kept(settings.home / "outcomes.sqlite" if use_cache else None)
    records: dict[tuple[str, str], Sequence[Record]] = {}
    for name in dict.fromkeys((settings.gate.name, *names)):
        records |= _answered(settings, parts, name, data.questions, kept)
    run = PolicyRun(
        questions=data.questions,
        records=records,
        gates=tuple(dict.fromkeys((settings.gate.name, *names))),
    )
    manifest = manifest_of(
        settings,
        [parts.expert],
        data,
        seed=seed,
        indexes={name: index.manifest.passages for name, index in parts.indexes.items()},
    )
    return run, manifest


def _answered(
    settings: Settings, parts: Parts, gate: str, questions: Sequence[Question], kept: Kept
) -> dict[tuple[str, str], Sequence[Record]]:
    """Let one service answer everything twice: with retrieval switched off, and on."""
    from dataclasses import replace

    from rag_router.assembly import assemble, load_gate, load_partners
    from rag_router.eval.answering import answer_questions
    from rag_router.orchestrator import Ask
    from rag_router.settings import Component
    from rag_router.types import Retrieval

    component = settings.gate if gate == settings.gate.name else Component(name=gate)
    some = settings.model_copy(update={"gate": component})
    asked = load_partners(
        some, parts.expert, [load_gate(component, parts.expert)], fetch=fetch_announced
    )
    embedder = parts.embedder or asked.embedder
    orchestrator = assemble(some, replace(parts, proxy=asked.proxy, embedder=embedder))
    modes: dict[str, Retrieval] = {"off": "never", "on": "always"}
    found: dict[tuple[str, str], Sequence[Record]] = {}
    for mode, retrieval in modes.items():
        bar, move = progress(f"{gate}: retrieval {mode}")
        with bar:
            found[gate, mode] = answer_questions(
                orchestrator,
                questions,
                Ask(retrieval=retrieval),
                cache=kept.records,
                on_progress=move,
            )
    return found
