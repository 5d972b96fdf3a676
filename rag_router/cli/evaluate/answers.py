"""`rag-router eval answers`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.evaluate.common import (
    DataSet,
    evaluation_options,
    finish,
    manifest_of,
    read_data,
    require_judgeable,
    require_report,
)
from rag_router.cli.evaluate.kept import Kept
from rag_router.cli.options import fetch_announced, progress, settings_from
from rag_router.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag_router.assembly import Parts
    from rag_router.eval.answering import Record
    from rag_router.eval.policy_report import PolicyRun
    from rag_router.orchestrator import Orchestrator
    from rag_router.settings import Settings
    from rag_router.types import Question

__all__ = ["answers", "run_policies"]


@click.command()
@evaluation_options
@click.option("--model", help="Who answers.")
@click.option("--expert", metavar="NAME", help="Who answers, of those that the settings name.")
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
    expert: str | None,
    names: tuple[str, ...],
    indexes: tuple[str, ...],
) -> None:
    """Compare when to retrieve: never, always, as gates say, at random, as an oracle.

    All policies are the same service on the same questions. With an index, the passages that
    come with a question are not shown. An expert of the settings answers by its own gate and
    decoder, with its adapter or from its endpoint.
    """
    from rag_router.cli.evaluate.named_experts import load_named_parts
    from rag_router.eval.kept_evaluations import evaluated, keep_evaluation
    from rag_router.eval.manifest import presentable
    from rag_router.eval.policy_report import policy_report
    from rag_router.gates import GATES

    settings = settings_from(config, indexes=indexes)
    if model is not None and expert is not None:
        raise UsageError("--model and --expert say twice who answers.", hint="Give one of them.")
    if model is not None:
        generator = settings.generator.model_copy(update={"model": model})
        settings = settings.model_copy(update={"generator": generator})
    for name in names:
        GATES.get(name)
    require_report(out)
    data = read_data(paths, limit=limit, held_out=held_out)
    require_judgeable(data)
    parts = None
    if expert is not None:
        settings, parts = load_named_parts(settings, expert, fetch=fetch_announced)
    run, manifest = run_policies(
        settings, data, names=names, use_cache=use_cache, seed=seed, parts=parts
    )
    who = expert or settings.generator.model
    report = policy_report(run, manifest, title=f"When {presentable(who)} looks things up")
    finish(report, data, out=out, as_json=as_json)
    if use_cache:
        source = ", ".join(dict.fromkeys(data.sets))
        of = "" if parts is None else parts.expert.model.fingerprint
        keep_evaluation(settings.home, who, evaluated(run, source=source, of=of))


def run_policies(
    settings: Settings,
    data: DataSet,
    *,
    names: tuple[str, ...] = (),
    use_cache: bool = True,
    seed: int = 0,
    parts: Parts | None = None,
) -> tuple[PolicyRun, dict[str, Any]]:
    """Let the service answer with retrieval switched off and on, once for each gate.

    Args:
        settings: Of the run.
        data: What is asked.
        names: Gates besides the one of the settings.
        use_cache: Whether answers are kept.
        seed: For the manifest; what is drawn is drawn by the settings' seed.
        parts: What the settings name, where it is loaded already.

    Returns:
        What was answered, and what it was made with.
    """
    from rag_router.assembly import load_parts
    from rag_router.eval.policy_report import PolicyRun

    parts = parts or load_parts(settings, fetch=fetch_announced)
    gates = tuple(dict.fromkeys((settings.gate.name, *names)))
    records: dict[tuple[str, str], Sequence[Record]] = {}
    with Kept.of(settings, use_cache=use_cache) as kept:
        for name in gates:
            records |= _answered(settings, parts, name, data.questions, kept)
    run = PolicyRun(questions=data.questions, records=records, gates=gates, sets=tuple(data.sets))
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
    from rag_router.eval.answering import answer_questions
    from rag_router.orchestrator import Ask
    from rag_router.types import Retrieval

    orchestrator = _service(settings, parts, gate)
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


def _service(settings: Settings, parts: Parts, gate: str) -> Orchestrator:
    """Put the service together with this gate, and whom it consults."""
    from dataclasses import replace

    from rag_router.assembly import assemble, load_gate, load_partners
    from rag_router.settings import Component

    if gate == settings.gate.name:
        return assemble(settings, parts)
    some = settings.model_copy(update={"gate": Component(name=gate)})
    asked = load_partners(
        some, parts.expert, [load_gate(some.gate, parts.expert)], fetch=fetch_announced
    )
    embedder = parts.embedder or asked.embedder
    return assemble(some, replace(parts, proxy=asked.proxy, embedder=embedder))
