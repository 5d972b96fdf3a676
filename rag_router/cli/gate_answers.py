"""The answers that gates are fitted on: from memory, after feedback, and with retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click

from rag_router.cli.fitting import say_too_long
from rag_router.cli.options import fetch_announced, progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag_router.assembly import Parts
    from rag_router.cli.evaluate.common import DataSet
    from rag_router.cli.evaluate.kept import Kept
    from rag_router.eval.feedback import Feedback
    from rag_router.eval.labels import Labelled
    from rag_router.gates import FittedGate
    from rag_router.settings import Settings

__all__ = ["Answered", "answer", "load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Questions with labels, and what is worth noting about them on the card.

    Attributes:
        labelled: What the model said from memory, and whether that was right.
        sets: Which set each question is from.
        helped: Whether the answer with retrieval was right, shape (questions,); None where nothing
            was looked up.
        too_long: Ids of questions that were left out.
        notes: For the card.
    """

    labelled: list[Labelled]
    sets: list[str]
    helped: NDArray[Any] | None = None
    too_long: Sequence[str] = ()
    notes: dict[str, Any] = field(default_factory=dict)


def load(settings: Settings, name: str, gate: FittedGate, with_retrieval: bool) -> Parts:
    """Load the model, whom the gate consults, and what is looked in.

    Raises:
        UnavailableError: a model or an index is not to be had.
        SettingsError: the model does not show what the gate reads.
    """
    from rag_router.assembly import (
        check_shown,
        index_names,
        load_expert,
        load_partners,
        open_indexes,
    )

    expert = load_expert(settings, fetch=fetch_announced)
    check_shown(name, gate, expert)
    looked = bool(with_retrieval and index_names(settings))
    parts = load_partners(settings, expert, [gate], embed=looked, fetch=fetch_announced)
    return replace(parts, indexes=open_indexes(settings, parts.embedder)) if looked else parts


def answer(
    settings: Settings,
    parts: Parts,
    data: DataSet | None,
    remarks: Sequence[Feedback],
    kept: Kept,
    with_retrieval: bool,
) -> Answered:
    """Let the model answer from memory, and with retrieval where that is wanted.

    Args:
        settings: Of the service that looks things up.
        parts: Loaded already.
        data: Questions with accepted answers, or with marks; None where there are none.
        remarks: What people said of answers to other questions.
        kept: Where answers are kept.
        with_retrieval: Whether the questions are answered with retrieval, too.

    Raises:
        DataError: too little is left of the feedback; says why.
    """
    from rag_router.eval.labels import label
    from rag_router.eval.readable import readable

    expert, size = parts.expert, settings.generator.batch_size
    fits = readable(expert, [] if data is None else data.questions)
    say_too_long(fits.too_long)
    bar, move = progress(f"{expert.name} answers")
    with bar:
        labelled = label(
            expert, fits.questions, cache=kept.outcomes, batch_size=size, on_progress=move
        )
    sets = [] if data is None else [data.sets[row] for row in fits.rows]
    answered = Answered(labelled=labelled, sets=sets, too_long=list(fits.too_long))
    if remarks:
        return _with_feedback(settings, parts, answered, remarks, kept)
    if with_retrieval:
        return _with_retrieval(settings, parts, answered, kept)
    return answered


def _with_feedback(
    settings: Settings,
    parts: Parts,
    answered: Answered,
    remarks: Sequence[Feedback],
    kept: Kept,
) -> Answered:
    """Add what people said of the model's answers.

    Raises:
        DataError: too little is left of it; says why.
    """
    from rag_router.errors import DataError
    from rag_router.eval.feedback import label_by_feedback
    from rag_router.eval.halves import LEAST

    bar, move = progress(f"{parts.expert.name} answers again")
    with bar:
        heard = label_by_feedback(
            parts.expert,
            remarks,
            cache=kept.outcomes,
            batch_size=settings.generator.batch_size,
            on_progress=move,
        )
    labelled = [*answered.labelled, *heard.labelled]
    if len(labelled) < LEAST:
        raise DataError(
            f"{len(labelled)} labelled questions are too few to fit anything ({heard}).",
            hint=f"Give at least {LEAST}; with --data, questions with accepted answers count too.",
        )
    click.echo(f"Feedback: {heard}.", err=True)
    return replace(
        answered,
        labelled=labelled,
        sets=[*answered.sets, *["feedback"] * len(heard.labelled)],
        notes={"feedback": len(heard.labelled)},
    )


def _with_retrieval(settings: Settings, parts: Parts, answered: Answered, kept: Kept) -> Answered:
    """Add whether the answers with retrieval were right."""
    from rag_router.assembly import assemble
    from rag_router.eval.helped import helped
    from rag_router.settings import Component

    some = settings.model_copy(update={"gate": Component(name="always")})
    bar, move = progress(f"{parts.expert.name} looks up")
    with bar:
        right = helped(
            assemble(some, parts),
            [one.question for one in answered.labelled],
            cache=kept.records,
            on_progress=move,
        )
    return replace(answered, helped=right, notes={"indexes": sorted(parts.indexes)})
