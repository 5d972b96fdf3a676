"""Fit the gates that are shipped: for both bundled generators, in one go.

    python -m benchmarks.fit --data FOLDER [--out rag_router/fitted]

Closed-book answers and what gates read off questions are kept in the home's outcome cache, so that
a fit that was stopped goes on, and another one of the same data takes seconds. Gates share one
reading of each question. On one machine the same data and seed give the same artefacts, bit for
bit.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.gates import MODELS, SETS
from rag_router import fitted
from rag_router.assembly import load_expert, load_partners
from rag_router.cli.options import fetch_announced, progress
from rag_router.errors import UsageError
from rag_router.eval.datasets import is_held_out, read_questions, sample
from rag_router.eval.fitting import fit_gate
from rag_router.eval.labels import label
from rag_router.eval.lessons import read_lessons
from rag_router.eval.sets import set_name
from rag_router.gates import GATES, FittedGate
from rag_router.outcomes import OutcomeCache, RecordCache
from rag_router.settings import Settings
from rag_router.types import Question

MORE = ("entity_questions/train.jsonl",)
"""Sets that are learned from, and that no figure is told of."""

SHIPPED = (
    "confidence",
    "profile",
    "entropy",
    "p_ik",
    "answer_pmi",
    "answer_probe",
    "thrust",
    "thrust_per_class",
    "thrust_contrast",
    "representation",
    "representation_contrastive",
    "skr_neighbours",
    "skr_classifier",
    "slim_proxy",
    "combined",
    "cascade",
)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(fitted.__file__).parent,
    help="Folder for the artefacts; the package's own by default.",
)
@click.option(
    "--train", default=4000, show_default=True, help="Most questions to learn from a set."
)
@click.option("--limit", default=500, show_default=True, help="Most held-out questions of a set.")
@click.option("--model", "models", multiple=True, default=MODELS, show_default=True)
@click.option("--gate", "names", multiple=True, default=SHIPPED, show_default=True)
@click.option("--goal", default="error<=0.5", show_default=True, help="What thresholds are for.")
@click.option("--seed", default=0, show_default=True)
def main(
    data: Path,
    out: Path,
    train: int,
    limit: int,
    models: tuple[str, ...],
    names: tuple[str, ...],
    goal: str,
    seed: int,
) -> None:
    """Label, read, fit and write."""
    settings = Settings()
    kept = settings.home / "outcomes.sqlite"
    questions, sets = read_split(data, train=train, limit=limit, seed=seed)
    for model in models:
        expert = load_expert(settings, model=model, fetch=fetch_announced)
        built = {name: GATES.build(name) for name in names}
        gates = {name: gate for name, gate in built.items() if isinstance(gate, FittedGate)}
        partners = load_partners(settings, expert, gates.values(), fetch=fetch_announced).partners
        bar, move = progress(f"{model} answers")
        with bar:
            labelled = label(
                expert, questions, cache=OutcomeCache(kept), batch_size=32, on_progress=move
            )
        bar, move = progress(f"gates read {model}")
        with bar:
            pupils = read_lessons(
                gates,
                expert,
                labelled,
                sets=sets,
                partners=partners,
                cache=RecordCache(kept),
                answers=OutcomeCache(kept),
                batch_size=32,
                seed=seed,
                on_progress=move,
            )
        for name, pupil in pupils.items():
            taught = (name, pupil.gate, expert, pupil.questions, pupil.lesson)
            try:
                artefact = fit_gate(*taught, goal=goal)
            except UsageError as exc:  # a weak gate cannot keep every promise; its card says so
                print(f"{name} {model}: {exc.message} {exc.hint} Its goal is even.")
                artefact = fit_gate(*taught, goal="even")
            artefact.save(out / f"gate--{name}--{model}")
            print(name, model, dict(artefact.card.metrics), artefact.card.threshold, flush=True)


def read_split(
    data: Path, *, train: int, limit: int, seed: int = 0
) -> tuple[list[Question], list[str]]:
    """Read what is learned from, and the held-out questions that benchmarks.gates judges on.

    Args:
        data: The folder of sets.
        train: Most questions to learn from of each set.
        limit: Most held-out questions of each set.
        seed: Of the split.

    Returns:
        The questions, and the name of each one's set.
    """
    questions: list[Question] = []
    sets: list[str] = []
    for name in (*SETS, *MORE):
        path = data / name
        found = read_questions([path], answers=True)
        held = [q for q in found if is_held_out(q.id, seed=seed)]
        apart = {q.id for q in held}
        kept = sample([q for q in found if q.id not in apart], train)
        kept += sample(held, limit) if name in SETS else []
        questions += kept
        sets += [set_name(path)] * len(kept)
    return questions, sets


if __name__ == "__main__":
    main()
