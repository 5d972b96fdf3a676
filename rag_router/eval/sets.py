"""Several question sets at once, each question with the name of its set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rag_router.eval.datasets import read_questions
from rag_router.types import Question

__all__ = ["read_sets", "set_name"]


def set_name(path: Path) -> str:
    """What a set is called: its folder, or its file where the folder says nothing."""
    stem = path.name.split(".")[0]
    return path.parent.name or stem


def read_sets(
    paths: Sequence[Path], *, limit: int | None = None, answers: bool = True
) -> tuple[list[Question], list[str]]:
    """Read sets one after another.

    Args:
        paths: Files.
        limit: Most questions of each.
        answers: Whether a question without accepted answers is left out.

    Returns:
        The questions, and the name of each one's set.

    Raises:
        DataError: a file cannot be read.
    """
    questions: list[Question] = []
    names: list[str] = []
    for path in paths:
        found = read_questions([path], limit=limit, answers=answers)
        questions += found
        names += [set_name(path)] * len(found)
    return questions, names
