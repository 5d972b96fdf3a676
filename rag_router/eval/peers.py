"""Uncertainties that another library gave the same questions, read from JSON Lines.

{"id": "...", "estimators": {"Perplexity": 1.7, ...}}: high means unsure. Here they are turned
round, so that high means sure, as it does for gates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError
from rag_router.eval.readers.lines import read_rows
from rag_router.eval.readers.row import Row
from rag_router.types import Question

__all__ = ["read_scores"]

_LAYOUT: Final = 'Each line is {"id": ..., "estimators": {name: uncertainty}}.'


def read_scores(path: Path, questions: Sequence[Question]) -> dict[str, NDArray[np.float64]]:
    """Read how sure each estimator is of each question, in the order of the questions.

    Sets may use the same ids: then there are as many lines of an id as questions, in their order.
    What not every question was given is left out, and so are lines of other questions.

    Raises:
        DataError: the file cannot be read, lacks a question or has one too often, holds a figure
            that is not finite, or no estimator of all questions.
    """
    lines: dict[str, list[Mapping[str, float]]] = {}
    for row in read_rows(path, _LAYOUT):
        lines.setdefault(row.identifier("id"), []).append(_sureness(row))
    asked: dict[str, int] = {}
    for question in questions:
        asked[question.id] = asked.get(question.id, 0) + 1
    _check(path, lines, asked)
    left = {id_: iter(lines[id_]) for id_ in asked}
    found = [next(left[question.id]) for question in questions]
    names = sorted(set.intersection(*map(set, found)))
    if not names:
        raise DataError(f"{path} has no estimator that scored every question.", hint=_LAYOUT)
    return {name: np.array([scores[name] for scores in found]) for name in names}


def _sureness(row: Row) -> dict[str, float]:
    given = row.fields.get("estimators")
    if not isinstance(given, dict):
        raise row.wrong("lacks 'estimators'")
    scores = {}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise row.wrong(f"{name} is not a finite number")
        scores[name] = -float(value)
    return scores


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _check(path: Path, lines: Mapping[str, Sequence[object]], asked: Mapping[str, int]) -> None:
    missing = [id_ for id_, count in asked.items() if len(lines.get(id_, ())) < count]
    if missing:
        raise DataError(
            f"{path} has no scores for {len(missing)} of {len(asked)} questions, "
            f"such as {missing[0]!r}.",
            hint="Let the other library answer the same questions.",
        )
    surplus = [id_ for id_, count in asked.items() if len(lines[id_]) > count]
    if surplus:
        raise DataError(
            f"{path} has {len(lines[surplus[0]])} lines for the question {surplus[0]!r}, which is "
            f"asked {asked[surplus[0]]} time(s).",
            hint="Give each question one line.",
        )
