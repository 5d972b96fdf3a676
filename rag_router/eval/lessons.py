"""From answered questions to what gates learn: the gate as it is fitted, and its lesson.

Some gates want more than right and wrong answers. One that reads questions beside examples
chooses these first, from the half that is learned from (`AcquaintedGate`); one that learns what
questions are marked with takes its labels from there (`MarkedGate`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError
from rag_router.eval.features import board_of, read_features
from rag_router.eval.halves import halves, require_both_classes
from rag_router.eval.labels import Labelled
from rag_router.eval.readable import leave_out
from rag_router.experts import Expert
from rag_router.gates import AcquaintedGate, FittedGate, Lesson, MarkedGate, signals_of
from rag_router.outcomes import OutcomeCache, RecordCache
from rag_router.signals import Partners
from rag_router.types import Question

__all__ = ["Pupil", "read_lessons"]

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pupil:
    """A gate with all that `fit_gate` needs to fit it.

    Attributes:
        gate: With examples of its own choice, where it shows any.
        questions: What it learns from and is judged on, in the order of the lesson.
        lesson: What it reads off them, and what was right.
        too_long: Ids of questions that were left out, each with what was said of it.
    """

    gate: FittedGate
    questions: Sequence[Question]
    lesson: Lesson
    too_long: Mapping[str, str]


def read_lessons(
    gates: Mapping[str, FittedGate],
    expert: Expert,
    labelled: Sequence[Labelled],
    *,
    sets: Sequence[str] = (),
    helped: NDArray[np.bool_] | None = None,
    partners: Partners | None = None,
    cache: RecordCache | None = None,
    answers: OutcomeCache | None = None,
    batch_size: int = 8,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> dict[str, Pupil]:
    """Let several gates read the same questions, ready to be fitted.

    Args:
        gates: By name.
        expert: Whose knowledge is judged.
        labelled: Questions with closed-book answers, at least 50.
        sets: Which set each question is from.
        helped: Whether the answer with retrieval was right, shape (questions,).
        partners: Whom the gates consult.
        cache: Where features are kept.
        answers: Where the proxy's answers are kept, if a gate asks it for any.
        batch_size: Questions in one forward pass.
        seed: Of the split and of everything that is drawn.
        on_progress: Hears (done, all).

    Raises:
        DataError: too few questions, hardly any of one class, a question that lacks a mark, or a
            model whose figures are not finite; says for which questions.
    """
    prepared = {name: _prepared(gate, labelled, seed) for name, gate in gates.items()}
    too_long = _too_long(prepared, expert, labelled, partners, seed)
    rows = np.array([row for row in range(len(labelled)) if row not in too_long], dtype=np.int64)
    read = [labelled[row] for row in rows]
    features = read_features(
        prepared,
        expert,
        read,
        partners=partners,
        cache=cache,
        answers=answers,
        batch_size=batch_size,
        seed=seed,
        on_progress=on_progress,
    )
    questions = [one.question for one in read]
    named = {labelled[row].question.id: why for row, why in too_long.items()}
    found: dict[str, Pupil] = {}
    for name, gate in prepared.items():
        _require_finite(name, features[name], questions)
        lesson = Lesson(
            features=features[name],
            right=_learned(gate, read),
            helped=None if helped is None or isinstance(gate, MarkedGate) else helped[rows],
            sets=tuple(sets[row] for row in rows) if sets else (),
            seed=seed,
        )
        found[name] = Pupil(gate=gate, questions=questions, lesson=lesson, too_long=named)
    return found


def _prepared(gate: FittedGate, labelled: Sequence[Labelled], seed: int) -> FittedGate:
    """Check that there is something to learn, and let the gate choose its examples."""
    right = _learned(gate, labelled)
    train, held = halves([one.question for one in labelled], seed)
    kinds = ("marked", "unmarked") if isinstance(gate, MarkedGate) else ("right", "wrong")
    require_both_classes(right, train, held, kinds=kinds)
    if not isinstance(gate, AcquaintedGate):
        return gate
    # Never from the half that it is judged on.
    return gate.acquainted(
        [labelled[row].question.text for row in train], right[train].tolist(), seed=seed
    )


def _learned(gate: FittedGate, labelled: Sequence[Labelled]) -> NDArray[np.bool_]:
    if isinstance(gate, MarkedGate):
        return gate.marks([one.question for one in labelled])
    return np.array([one.right for one in labelled], dtype=bool)


def _too_long(
    gates: Mapping[str, FittedGate],
    expert: Expert,
    labelled: Sequence[Labelled],
    partners: Partners | None,
    seed: int,
) -> dict[int, str]:
    """Rows that a gate cannot ask its own prompts about: these are longer than the bare question's.

    Only the longest question is read for it, and what was read is not kept: it was read alone.
    """

    def read(row: int) -> None:
        board = board_of(expert, [labelled[row]], partners=partners, batch_size=1, seed=seed)
        for gate in gates.values():
            gate.features(board.questions, board.signals([0], signals_of(gate)))

    sizes = [len(expert.model.encode(one.question.text)) for one in labelled]
    return leave_out(sorted(range(len(labelled)), key=lambda row: -sizes[row]), read)


def _require_finite(
    name: str, features: NDArray[np.float64], questions: Sequence[Question]
) -> None:
    broken = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(broken):
        shown = ", ".join(repr(questions[row].id) for row in broken[:5])
        raise DataError(
            f"what the gate {name!r} reads off {len(broken)} of {len(questions)} questions is "
            f"not finite: {shown}{', …' if len(broken) > 5 else ''}.",
            hint="Load the model in float32 ([generator] dtype = 'float32'), "
            "or leave those questions out.",
        )
