"""What a gate says of questions that it has not learned from.

A gate is too sure of what it learned from, and whoever learns from what it says of those questions
trusts it too far: in service it will not have learned from what it is asked. So the questions are
parted, and each part is judged by a gate that was fitted to all others (cross-fitting, as in
Wolpert 1992, "Stacked generalization", doi 10.1016/S0893-6080(05)80023-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from rag_router.eval.fitting import fit_gate
from rag_router.eval.judging import judge_questions
from rag_router.eval.labels import Labelled
from rag_router.eval.lessons import read_lessons
from rag_router.experts import Expert
from rag_router.gates import FittedGate
from rag_router.outcomes import RecordCache
from rag_router.scoring import normalise

__all__ = ["part_of", "unacquainted_p_know"]

_PARTS: Final = 3


def unacquainted_p_know(
    name: str,
    gate: FittedGate,
    expert: Expert,
    labelled: Sequence[Labelled],
    *,
    sets: Sequence[str] = (),
    cache: RecordCache | None = None,
    batch_size: int = 8,
) -> list[float]:
    """Return what a gate says of each question, fitted to others alone.

    Args:
        name: What the gate is called.
        gate: The gate with its options; what it learned before does not count.
        expert: Whose knowledge is judged.
        labelled: Questions with closed-book answers.
        sets: Which set each question is from.
        cache: Where what the gate reads is kept.
        batch_size: Questions in one forward pass.

    Raises:
        DataError: too few questions to fit the gate to two of three parts.
    """
    said = [0.0] * len(labelled)
    parts = [part_of(one.question.text) for one in labelled]
    for part in range(_PARTS):
        rest = [row for row, own in enumerate(parts) if own != part]
        judged = [row for row, own in enumerate(parts) if own == part]
        if not judged:
            continue
        pupil = read_lessons(
            {name: gate},
            expert,
            [labelled[row] for row in rest],
            sets=[sets[row] for row in rest] if sets else (),
            cache=cache,
            batch_size=batch_size,
        )[name]
        artefact = fit_gate(name, pupil.gate, expert, pupil.questions, pupil.lesson)
        p_know = judge_questions(
            {name: pupil.gate.with_artefact(artefact)},
            expert,
            [labelled[row] for row in judged],
            cache=cache,
            batch_size=batch_size,
        )[name].p_know
        for row, p in zip(judged, p_know.tolist(), strict=True):
            said[row] = p
    return said


def part_of(question: str) -> int:
    """Which part a question is in; the same question from two sets is in the same."""
    return int.from_bytes(sha256(normalise(question).encode()).digest()[:4], "big") % _PARTS
