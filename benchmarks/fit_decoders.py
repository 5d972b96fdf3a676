"""Fit the decoder `auto` as it is shipped: for both bundled generators, in one go.

    python -m benchmarks.fit_decoders --data FOLDER --index wiki [--out rag_router/fitted]

What is learned from, and never judged on: questions of nq_conflict's originals, of squad1 and of
those that the model knows, each with a true passage and a falsified one made of it; of nq_gold with
true passages; and known questions of six sets, as many of each as there are up to fifty, with the
passage that ranks highest without their answer: were they all of one set, as questions of one set
are alike, it would be learned from its looks that memory is right. Only
the half of each set that `--held-out` leaves out is taken, and no question that stands in
nq_conflict's falsified passages or the other half of nq_gold, which `benchmarks.conflict` judges
on. What the gate and the filter `learned` say of a question comes from ones that were fitted
without it: in service, too, they will not have learned from what they are asked. Walks are kept in
the home's outcome cache, so that a fit that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from benchmarks.fit import read_split
from benchmarks.fit_filters import taught_apart_from
from benchmarks.gates import MODELS
from rag_router import fitted
from rag_router.assembly import load_embedder, load_expert, open_indexes
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
from rag_router.gates import GATES, FittedGate
from rag_router.outcomes import OutcomeCache, RecordCache
from rag_router.retrievers import RETRIEVERS, make_queries
from rag_router.scoring import holds_answer, normalise
from rag_router.settings import GeneratorSettings, Settings
from rag_router.types import Passage, Question

ORIGINALS, SQUAD, GOLD, KNOWN = 150, 120, 100, 120
"""How many questions of each kind."""

BESIDE = 50
"""How many known questions of each set with passages beside the point."""

_ASKED = 900
"""Known questions that passages are looked up for."""

_BATCH = 24
_NQ = "nq"


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
        ours, names = apart(split, sets)
        labelled = label(expert, ours, cache=outcomes, batch_size=32)
        right = [one.right for one in labelled]
        known = [(q, s) for q, s, yes in zip(ours, names, right, strict=True) if yes]
        looked = Looked.up(settings, embedder, known)
        asked, disputes, of = gathered(data, looked)
        labelled = label(expert, asked, cache=outcomes, batch_size=32)
        facts = facts_of(
            disputes,
            labelled,
            expert,
            gate=unacquainted(expert, split, sets, asked, outcomes, records),
            filters=[taught_apart_from(asked, settings, data)],
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
                [labelled[one.row].outcome.answer for one in disputes],
                sets=[of[one.row] for one in disputes],
                cache=records,
                batch_size=_BATCH,
                on_progress=move,
            )
        artefact.save(out / f"decoder--auto--{model}")
        print(model, dict(artefact.card.metrics), dict(artefact.card.notes), flush=True)


def apart(split: Sequence[Question], sets: Sequence[str]) -> tuple[list[Question], list[str]]:
    """Leave out what benchmarks judge on: the questions, and the name of each one's set."""
    rows = [n for n, question in enumerate(split) if not is_held_out(question.id)]
    return [split[n] for n in rows], [sets[n] for n in rows]


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
        beside: Each with its set and the passage that ranks highest without holding its answer.
        supported: Each with its set and a passage of the first five that holds its answer, as its
            true one.
    """

    beside: list[tuple[Question, str, Passage]]
    supported: list[tuple[Question, str]]

    @classmethod
    def up(cls, settings: Settings, embedder: Any, known: Sequence[tuple[Question, str]]) -> Looked:
        """Look questions up, each given with the name of its set."""
        indices = tuple(open_indexes(settings, embedder).values())
        retriever = RETRIEVERS.build(settings.retriever.name, k=20)
        found = cls([], [])
        names = {id(question): name for question, name in known}
        some = sample([question for question, _ in known], _ASKED)
        lines = retriever.retrieve(make_queries([q.text for q in some], embedder), indices)
        for question, hits in zip(some, lines, strict=True):
            name = names[id(question)]
            passages = [hit.passage for hit in hits]
            for passage in passages:
                if not holds_answer(f"{passage.title} {passage.text}", question.answers):
                    found.beside.append((question, name, passage))
                    break
            for passage in passages[:5]:
                if holds_answer(passage.text, question.answers):
                    true = replace(passage, meta={**passage.meta, "is_gold": True})
                    found.supported.append((replace(question, contexts=(true,)), name))
                    break
        return found


def gathered(data: Path, looked: Looked) -> tuple[list[Question], list[Dispute], list[str]]:
    """Put together what is learned from.

    Returns:
        All questions, their disputes, and the name of each question's set; what comes from
        Natural Questions is one set.
    """
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
    true = sample([q for q in ours(gold) if normalise(q.text) not in taken], GOLD)
    supported = {question.id: name for question, name in looked.supported}
    known = falsified([question for question, _ in looked.supported], KNOWN)
    named = [
        *((question, _NQ) for question in originals),
        *((question, "squad1") for question in falsified(sample(ours(squad), 10 * SQUAD), SQUAD)),
        *((question, _NQ) for question in true),
        *((question, _set(supported[question.id])) for question in known),
    ]
    asked = [question for question, _ in named]
    sets = [name for _, name in named]
    disputes = disputes_of(asked)
    for question, name, passage in _even(looked.beside):
        disputes.append(Dispute(len(asked), question, "irrelevant", (passage,)))
        asked.append(question)
        sets.append(_set(name))
    return asked, disputes, sets


def _even(
    beside: Sequence[tuple[Question, str, Passage]],
) -> list[tuple[Question, str, Passage]]:
    """Take equally many of each set, as far as there are."""
    kept: set[int] = set()
    for name in dict.fromkeys(name for _, name, _ in beside):
        kept |= {id(one) for one in sample([q for q, of, _ in beside if of == name], BESIDE)}
    return [one for one in beside if id(one[0]) in kept]


def _set(name: str) -> str:
    return _NQ if name.startswith("nq") else name


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
