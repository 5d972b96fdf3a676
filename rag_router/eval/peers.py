"""Uncertainties that another library gave the same questions, read from JSON Lines.

{"id": "...", "estimators": {"Perplexity": 1.7, ...}}: high means unsure. Here they are turned
round, so that high means sure, as it does for gates.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError
from rag_router.types import Question

__all__ = ["read_scores"]


def read_scores(path: Path, questions: Sequence[Question]) -> dict[str, NDArray[np.float64]]:
    """Read how sure each estimator is of each question, in the order of the questions.

    Raises:
        DataError: the file cannot be read, lacks a question, or holds a figure that is not finite.
    """
    found: dict[str, dict[str, float]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"scores cannot be read from {path}: {exc}.") from exc
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            scores = {str(name): -float(u) for name, u in row["estimators"].items()}
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise DataError(
                f"{path}:{number} holds no scores: {exc}.",
                hint='Each line is {"id": ..., "estimators": {name: uncertainty}}.',
            ) from exc
        odd = [name for name, value in scores.items() if not math.isfinite(value)]
        if odd:
            raise DataError(f"{path}:{number}: {odd[0]} is not a finite number.")
        found[str(row.get("id"))] = scores
    missing = [q.id for q in questions if q.id not in found]
    if missing:
        raise DataError(
            f"{path} has no scores for {len(missing)} of {len(questions)} questions, "
            f"such as {missing[0]!r}.",
            hint="Let the other library answer the same questions.",
        )
    names = sorted(set.intersection(*(set(found[q.id]) for q in questions)))
    return {name: np.array([found[q.id][name] for q in questions]) for name in names}
