"""`rag-router gate fit`: what a gate learns, and from whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from rag_router.cli.fitting import (
    data_options,
    name_some,
    publish,
    read_labelled,
    require_free,
    say_too_long,
)
from rag_router.cli.gate_answers import answer, load
from rag_router.cli.options import as_json, config_option, progress, settings_from

if TYPE_CHECKING:
    from rag_router.cli.evaluate.common import DataSet
    from rag_router.eval.feedback import Feedback
    from rag_router.gates import FittedGate
    from rag_router.settings import Settings
    from rag_router.types import Question

__all__ = ["fit"]

_OF_SERVICE: Final = Path("<service>")
"""In the place of a file: the service's own database."""


@click.command()
@click.argument("name")
@data_options(required=False)
@config_option
@click.option("--model", help="The model whose knowledge is judged.")
@click.option(
    "--goal",
    default="even",
    show_default=True,
    help="What the threshold is for: even, budget=0.4, risk<=0.1, error<=0.3, or, with "
    "--with-retrieval, accuracy=always-0.01.",
)
@click.option(
    "--with-retrieval",
    is_flag=True,
    help="Answer every question with retrieval, too: in the indexes, or from its own contexts "
    "where there is none.",
)
@click.option("--index", "indexes", multiple=True, metavar="NAME", help="Look only in this index.")
@click.option(
    "--from-feedback",
    "feedback",
    is_flag=False,
    flag_value=_OF_SERVICE,
    metavar="[FILE]",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What people said of answers: JSON Lines, or without FILE what the service was told at "
    "/v1/feedback; with --data or in its place.",
)
@click.option("--from-cache/--no-cache", default=True, help="Reuse the outcome cache.")
@as_json
def fit(
    name: str,
    paths: tuple[str, ...],
    limit: int | None,
    seed: int,
    out: Path,
    config: Path | None,
    model: str | None,
    goal: str,
    with_retrieval: bool,
    indexes: tuple[str, ...],
    feedback: Path | None,
    from_cache: bool,
    as_json: bool,
) -> None:
    """Fit the gate NAME for a model, from questions with known answers.

    The model answers every question once; answers are kept, so a fit that was stopped goes on
    where it was. A gate that learns what questions are marked with, such as `unanswerable`, takes
    its labels from there.
    """
    settings = settings_from(config, gate=name, expert=model, indexes=indexes)
    from rag_router.cli.evaluate.kept import Kept
    from rag_router.eval.fitting import fit_gate
    from rag_router.eval.lessons import read_lessons
    from rag_router.gates import GATES

    name, gate = GATES.canonical(name), _learner(settings)
    sources = _Sources(gate, tuple(paths), feedback, with_retrieval, indexes)
    sources.check(name, goal)
    require_free(out)
    data = None if not paths else read_labelled(paths, limit=limit, answers=not sources.marked)
    remarks = _remarks(settings, feedback, [] if data is None else data.questions)
    _check_questions(gate, data, remarks, settings, with_retrieval)
    parts = load(settings, name, gate, with_retrieval)
    with Kept.of(settings, use_cache=from_cache) as kept:
        answered = answer(settings, parts, data, remarks, kept, with_retrieval)
        bar, move = progress(f"{name} reads")
        with bar:
            pupil = read_lessons(
                {name: gate},
                parts.expert,
                answered.labelled,
                sets=answered.sets,
                helped=answered.helped,
                partners=parts.partners,
                cache=kept.records,
                answers=kept.outcomes,
                batch_size=settings.generator.batch_size,
                seed=seed,
                on_progress=move,
            )[name]
    say_too_long(pupil.too_long)
    artefact = fit_gate(name, pupil.gate, parts.expert, pupil.questions, pupil.lesson, goal=goal)
    notes = {**artefact.card.notes, **answered.notes}
    if left_out := len(answered.too_long) + len(pupil.too_long):
        notes["too_long"] = left_out
    if sources.marked:
        notes["learned_from"] = "marks"
    if data is not None:
        data.verify()
    card = replace(artefact.card, notes=notes)
    publish(replace(artefact, card=card), out, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where labels are from, as somebody asked for it."""

    gate: FittedGate
    paths: tuple[str, ...]
    feedback: Path | None
    with_retrieval: bool
    indexes: tuple[str, ...]

    @property
    def marked(self) -> bool:
        from rag_router.gates import MarkedGate

        return isinstance(self.gate, MarkedGate)

    def check(self, name: str, goal: str) -> None:
        """Find out before anything is read or loaded what makes no sense.

        Raises:
            UsageError: options contradict each other, or the goal cannot be reached so.
        """
        from rag_router.errors import UsageError
        from rag_router.eval.thresholds import parse_goal

        compares = parse_goal(goal).name == "accuracy"
        if not self.paths and self.feedback is None:
            raise UsageError(
                "there is nothing to learn from.",
                hint="Give question sets with --data, or what people said with --from-feedback.",
            )
        if self.marked and (self.feedback is not None or self.with_retrieval):
            raise UsageError(
                f"the gate {name!r} learns what questions are marked with; answers teach it "
                "nothing.",
                hint="Leave out --from-feedback and --with-retrieval.",
            )
        if self.feedback is not None and self.with_retrieval:
            raise UsageError(
                "feedback does not say what a right answer is, so that answers with retrieval "
                "cannot be judged.",
                hint="Fit on --data alone, or without --with-retrieval.",
            )
        if compares and not self.with_retrieval:
            raise UsageError(
                f"the goal {goal!r} compares with always retrieving.",
                hint="Add --with-retrieval, or use another goal: even, budget=, risk<=, error<=.",
            )
        if getattr(self.gate, "judges", "") == "benefit" and not self.with_retrieval:
            raise UsageError(
                f"the gate {name!r} learns where looking things up helps.",
                hint="Add --with-retrieval.",
            )
        if self.indexes and not self.with_retrieval:
            raise UsageError(
                "an index is named, and nothing is looked up.", hint="Add --with-retrieval."
            )


def _learner(settings: Settings) -> FittedGate:
    """Build the gate with its options, but not as it was fitted before."""
    from rag_router.errors import UsageError
    from rag_router.gates import GATES, FittedGate

    options = {k: v for k, v in settings.gate.options.items() if k != "artefact"}
    built = GATES.build(settings.gate.name, **options)
    if not isinstance(built, FittedGate):
        raise UsageError(
            f"the gate {settings.gate.name!r} has nothing to fit.", hint="Fit profile."
        )
    return built


def _remarks(
    settings: Settings, feedback: Path | None, questions: Sequence[Question]
) -> list[Feedback]:
    """Read feedback; a question that a set knows the answers to is judged by those."""
    from rag_router.eval.feedback import read_feedback
    from rag_router.eval.kept_feedback import feedback_of_service

    known = {" ".join(question.text.split()) for question in questions}
    if feedback is None:
        return []
    ours = feedback == _OF_SERVICE
    found = feedback_of_service(settings) if ours else read_feedback(feedback)
    return [one for one in found if one.question not in known]


def _check_questions(
    gate: FittedGate,
    data: DataSet | None,
    remarks: Sequence[Feedback],
    settings: Settings,
    with_retrieval: bool,
) -> None:
    """Find out what is wrong with the questions before a model is loaded for them.

    Raises:
        DataError: there are too few, or one is not marked.
        UsageError: there is nothing to look in.
    """
    from rag_router.assembly import index_names
    from rag_router.errors import UsageError
    from rag_router.eval.halves import require_enough
    from rag_router.gates import MarkedGate

    questions = [] if data is None else data.questions
    if isinstance(gate, MarkedGate):
        gate.marks(questions)
    require_enough(len(questions) + len(remarks))
    if with_retrieval and not index_names(settings):
        bare = [question.id for question in questions if not question.contexts]
        if bare:
            raise UsageError(
                f"there is no index to look in, and {len(bare)} of {len(questions)} questions "
                f"bring no contexts: {name_some(bare)}.",
                hint="Make an index: rag-router index add NAME PATH",
            )
