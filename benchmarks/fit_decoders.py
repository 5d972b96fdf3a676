"""Fit the decoder `auto` as it is shipped: for both bundled generators, in one go.

    python -m benchmarks.fit_decoders --data FOLDER --index wiki [--out rag_router/fitted]

What is learned from, and never judged on: questions of nq_conflict's originals, of squad1 and of
those that the model knows, each with a true passage and a falsified one made of it; of nq_gold with
true passages; and known questions with the passage that ranks highest without their answer. Only
the half of each set that `--held-out` leaves out is taken, and no question that stands in
nq_conflict's falsified passages or the other half of nq_gold, which `benchmarks.conflict` judges
on. What the gate says of a question comes from one that was fitted without it: in service, too, it
will not have learned from what it is asked. Walks are kept in the home's outcome cache, so that a
fit that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from benchmarks.fit import read_split
from benchmarks.gates import MODELS
from rag_router import fitted
from rag_router.assembly import load_embedder, load_expert, load_filters, open_indexes
from rag_router.cli.options import fetch_announced, progress
from rag_router.decoders.auto import AutoDecoder
from rag_router.eval.auto_fitting import fit_auto
from rag_router.eval.conflicts import make_conflicts, typer_named
from rag_router.eval.datasets import is_held_out, read_questions, sample
from rag_router.eval.dispute_facts import facts_of
from rag_router.eval.disputes import Dispute, disputes_of
from rag_router.eval.fitting import fit_gate
from rag_router.eval.labels import label
from rag_router.eval.lessons import read_lessons
from rag_router.experts import Expert
from rag_router.filters import FittedFilter
from rag_router.gates import GATES, FittedGate
from rag_router.outcomes import OutcomeCache, RecordCache
from rag_router.retrievers import RETRIEVERS, make_queries
from rag_router.scoring import holds_answer, normalise
from rag_router.settings import GeneratorSettings, Settings
from rag_router.types import Passage, Question

ORIGINALS, SQUAD, GOLD, KNOWN, BESIDE = 150, 120, 100, 120, 300
"""How many questions of each kind."""

_ASKED = 900
"""Known questions that passages are looked up for."""

_BATCH = 24


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
    """Gather, walk, fit and write."""
    for model in models:
        settings = Settings(
            generator=GeneratorSettings(model=model, batch_size=32), indexes=indexes
        )
        expert = load_expert(settings, fetch=fetch_announced)
        kept = settings.home / "outcomes.sqlite"
        outcomes, records = OutcomeCache(kept), RecordCache(kept)
        embedder = load_embedder(settings, fetch=fetch_announced)
        split, sets = read_split(data, train=4000, limit=500)
        ours = [question for question in split if not is_held_out(question.id)]
        labelled = label(expert, ours, cache=outcomes, batch_size=32)
        looked = Looked.up(settings, embedder, [one.question for one in labelled if one.right])
        asked, disputes = gathered(data, looked)
        labelled = label(expert, asked, cache=outcomes, batch_size=32)
        facts = facts_of(
            disputes,
            labelled,
            expert,
            gate=unacquainted(expert, split, sets, asked, outcomes, records),
            filters=[
                one for one in load_filters(settings, embedder) if isinstance(one, FittedFilter)
            ],
            embedder=embedder,
            cache=records,
            batch_size=32,
        )
        bar, move = progress(f"{model} walks")
        with bar:
            artefact = fit_auto(
                AutoDecoder(),
                expert,
                disputes,
                facts,
                cache=records,
                batch_size=_BATCH,
                on_progress=move,
            )
        artefact.save(out / f"decoder--auto--{model}")
        print(model, dict(artefact.card.metrics), dict(artefact.card.notes), flush=True)


def unacquainted(
    expert: Expert,
    split: Sequence[Question],
    sets: Sequence[str],
    asked: Sequence[Question],
    outcomes: OutcomeCache,
    records: RecordCache,
) -> FittedGate:
    """Fit the gate to all questions but those asked: it is too sure of what it learned from."""
    names = {normalise(question.text) for question in asked}
    rest = [n for n, question in enumerate(split) if normalise(question.text) not in names]
    gate = GATES.build("p_ik")
    assert isinstance(gate, FittedGate)
    pupil = read_lessons(
        {"p_ik": gate},
        expert,
        label(expert, [split[n] for n in rest], cache=outcomes, batch_size=32),
        sets=[sets[n] for n in rest],
        cache=records,
        batch_size=32,
    )["p_ik"]
    artefact = fit_gate("p_ik", pupil.gate, expert, pupil.questions, pupil.lesson)
    return gate.with_artefact(artefact)


@dataclass(frozen=True, slots=True)
class Looked:
    """Known questions, and what an index has to say on them.

    Attributes:
        beside: Each with the passage that ranks highest without holding its answer.
        supported: Each with a passage of the first five that holds it, as its true one.
    """

    beside: list[tuple[Question, Passage]]
    supported: list[Question]

    @classmethod
    def up(cls, settings: Settings, embedder: Any, known: Sequence[Question]) -> Looked:
        """Look questions up."""
        indices = tuple(open_indexes(settings, embedder).values())
        retriever = RETRIEVERS.build(settings.retriever.name, k=20)
        found = cls([], [])
        some = sample(known, _ASKED)
        lines = retriever.retrieve(make_queries([q.text for q in some], embedder), indices)
        for question, hits in zip(some, lines, strict=True):
            passages = [hit.passage for hit in hits]
            for passage in passages:
                if not holds_answer(f"{passage.title} {passage.text}", question.answers):
                    found.beside.append((question, passage))
                    break
            for passage in passages[:5]:
                if holds_answer(passage.text, question.answers):
                    true = replace(passage, meta={**passage.meta, "is_gold": True})
                    found.supported.append(replace(question, contexts=(true,)))
                    break
        return found


def gathered(data: Path, looked: Looked) -> tuple[list[Question], list[Dispute]]:
    """Put together what is learned from: all questions, and their disputes."""
    gold = read_questions([data / "nq_gold/dev.jsonl.gz"], answers=True)
    judged = {
        normalise(question.text)
        for question in (
            *read_questions([data / "nq_conflict/synth.jsonl.gz"], answers=True),
            *(question for question in gold if is_held_out(question.id)),
        )
    }

    def ours(questions: Sequence[Question]) -> list[Question]:
        return [
            question
            for question in questions
            if not is_held_out(question.id) and normalise(question.text) not in judged
        ]

    originals = falsified(
        ours(read_questions([data / "nq_conflict/original.jsonl.gz"], answers=True)), ORIGINALS
    )
    squad = read_questions([data / "squad1/train_sample.jsonl.gz"], answers=True)
    taken = {normalise(question.text) for question in originals}
    asked = [
        *originals,
        *falsified(sample(ours(squad), 10 * SQUAD), SQUAD),
        *sample([q for q in ours(gold) if normalise(q.text) not in taken], GOLD),
        *falsified(looked.supported, KNOWN),
    ]
    disputes = disputes_of(asked)
    for question, passage in looked.beside[:BESIDE]:
        disputes.append(Dispute(len(asked), question, "irrelevant", (passage,)))
        asked.append(question)
    return asked, disputes


def falsified(questions: Sequence[Question], count: int) -> list[Question]:
    """Add falsified passages to questions with true ones."""
    made = make_conflicts(questions, typer_named("rules"))
    return sample([_question(row) for row in made.rows], count)


def _question(row: Any) -> Question:
    named = ("id", "title", "text")
    return Question(
        id=row["id"],
        text=row["question"],
        answers=tuple(row["answers"]),
        contexts=tuple(
            Passage(
                **{name: one[name] for name in named},
                meta={key: value for key, value in one.items() if key not in named},
            )
            for one in row["contexts"]
        ),
        meta=row["meta"],
    )


if __name__ == "__main__":
    main()
