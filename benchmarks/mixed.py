"""Looking up where it helps: three kinds of questions, and half of what answers them left out.

    python -m benchmarks.mixed --data FOLDER [--limit 200] [--gate NAME]...
    python -m benchmarks.mixed --data FOLDER --fit [--train 600] [--out rag_router/fitted]

Questions of nq_gold, popqa and the example handbook are asked against Wikipedia and the handbook
with the gold passages of half of them left out (benchmarks/mixed_corpora.py), so that for every
second question a search is in vain. Never, always, the gates, random at the gates' rates and the
oracle answer the same held-out questions. `--fit` fits the gate `benefit` on the other half of
nq_gold and popqa, on what always looking up there brings.

The corpora are indexed into the home first, which takes some minutes; that, and every answer, is
done once.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from benchmarks.mixed_corpora import left_out, read_mixed, write_corpora
from benchmarks.record import record, report_folder
from rag_router import fitted
from rag_router.assembly import Parts, assemble, load_gate, load_parts
from rag_router.cli.evaluate.answers import run_policies
from rag_router.cli.evaluate.common import DataSet
from rag_router.cli.options import fetch_announced, progress
from rag_router.eval.datasets import data_hash
from rag_router.eval.features import read_features
from rag_router.eval.fitting import fit_gate
from rag_router.eval.helped import helped
from rag_router.eval.labels import label
from rag_router.eval.policy_report import policy_report, policy_summary
from rag_router.eval.readers import snapshot
from rag_router.eval.report import write_report
from rag_router.gates import Lesson
from rag_router.gates.retrieval_benefit import RetrievalBenefitGate
from rag_router.outcomes import OutcomeCache, RecordCache
from rag_router.settings import Component, Settings

INDEXES = ("mixed-wiki", "mixed-handbook")


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--limit", default=200, show_default=True, help="Most held-out questions of a set.")
@click.option("--gate", "gates", multiple=True, help="Further gates.")
@click.option("--fit", "fit", is_flag=True, help="Fit the gate `benefit`, and write it.")
@click.option("--train", default=600, show_default=True, help="Most questions to fit on, a set.")
@click.option("--goal", default="accuracy=always-0.005", show_default=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(fitted.__file__).parent,
    help="Folder for the artefact; the package's own by default.",
)
def main(
    data: Path, limit: int, gates: tuple[str, ...], fit: bool, train: int, goal: str, out: Path
) -> None:
    """Index, then fit or measure."""
    settings = Settings(indexes=INDEXES)
    _index(settings, data)
    parts = load_parts(settings, fetch=fetch_announced)
    if fit:
        _fit(settings, parts, data, train=train, limit=limit, goal=goal, out=out)
        return
    mixed = read_mixed(data, limit=limit, held_out=True)
    asked = DataSet(
        questions=mixed.questions, sets=mixed.sets, files=snapshot([]), paths=(), counts=()
    )
    run, manifest = run_policies(settings, asked, names=gates, parts=parts)
    report = policy_report(run, manifest, title="Looking up where it helps", rows=False)
    write_report(report, report_folder("mixed"))
    figures = policy_summary(run) | {
        "left_out": sum(left_out(question) for question in mixed.questions)
    }
    record("mixed", figures, data_hash=data_hash(asked.questions), models=manifest.get("models"))


def _index(settings: Settings, data: Path) -> None:
    corpora = settings.home / "mixed"
    if all((settings.home / "indices" / name / "CURRENT").is_file() for name in INDEXES):
        return
    passages, handbook = write_corpora(data, corpora)
    for name, paths in zip(INDEXES, (passages, [handbook]), strict=True):
        command = [sys.executable, "-m", "rag_router.cli.main", "index", "add", name]
        subprocess.run([*command, *map(str, paths)], check=True, stdout=subprocess.DEVNULL)


def _fit(
    settings: Settings, parts: Parts, data: Path, *, train: int, limit: int, goal: str, out: Path
) -> None:
    learned = read_mixed(data, limit=train, held_out=False)
    judged = read_mixed(data, limit=limit, held_out=True)
    questions = [*learned.questions, *judged.questions]
    sets = (*learned.sets, *judged.sets)
    kept = settings.home / "outcomes.sqlite"
    bar, move = progress("answers with retrieval")
    with bar:
        with_passages = helped(
            assemble(settings, parts), questions, cache=RecordCache(kept), on_progress=move
        )
    bar, move = progress("answers without")
    with bar:
        labelled = label(
            parts.expert, questions, cache=OutcomeCache(kept), batch_size=32, on_progress=move
        )
    knower = load_gate(Component(name="p_ik"), parts.expert)
    gate = RetrievalBenefitGate(gates=(knower,))  # type: ignore[arg-type]
    bar, move = progress("benefit reads")
    with bar:
        features = read_features(
            {"benefit": gate},
            parts.expert,
            labelled,
            partners=parts.partners,
            cache=RecordCache(kept),
            batch_size=32,
            on_progress=move,
        )["benefit"]
    right = np.array([one.right for one in labelled])
    lesson = Lesson(features=features, right=right, helped=with_passages, sets=sets)
    artefact = fit_gate("benefit", gate, parts.expert, questions, lesson, goal=goal)
    artefact.save(out / f"gate--benefit--{parts.expert.name}")
    print(dict(artefact.card.metrics), artefact.card.threshold, flush=True)
    turned = replace(lesson, right=with_passages & ~right)
    print(f"helped {turned.right.mean():.3f}, right alone {right.mean():.3f}")


if __name__ == "__main__":
    main()
