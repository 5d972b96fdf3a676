"""Two halves of the labelled questions: one is learned from, the other one is judged on.

Which question belongs where is decided by a hash of its id, so that the split never moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError
from rag_router.eval.datasets import is_held_out
from rag_router.types import Question

__all__ = ["LEAST", "halves", "require_both_classes", "require_enough"]

LEAST: Final = 50
"""Fewest labelled questions that anything is fitted on."""

_LEAST_OF_EACH: Final = 5
"""Right and wrong ones to learn from: one of each for every fold of a cross-validation."""


def halves(questions: Sequence[Question], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to learn from and those that are held out.

    Raises:
        DataError: there are fewer than 50 questions.
    """
    require_enough(len(questions))
    held = np.array([is_held_out(question.id, seed=seed) for question in questions])
    return np.flatnonzero(~held), np.flatnonzero(held)


def require_enough(count: int) -> None:
    """Check that there is enough to fit anything.

    Raises:
        DataError: there are fewer than 50 questions.
    """
    if count < LEAST:
        raise DataError(
            f"{count} labelled questions are too few to fit anything.",
            hint=f"Give at least {LEAST}; a thousand are better.",
        )


def require_both_classes(
    right: NDArray[np.bool_],
    train: NDArray[np.int64],
    held: NDArray[np.int64],
    *,
    kinds: tuple[str, str] = ("right", "wrong"),
) -> None:
    """Check that there is something to learn and something to judge by.

    Args:
        right: What is learned, shape (n,).
        train: Rows that are learned from.
        held: Rows that are held out.
        kinds: What the classes are called.

    Raises:
        DataError: one of the parts has hardly any right ones, or hardly any wrong ones.
    """
    for rows, what, least in ((train, "learned from", _LEAST_OF_EACH), (held, "held out", 1)):
        yes = int(right[rows].sum())
        no = len(rows) - yes
        if min(yes, no) < least:
            raise DataError(
                f"a gate learns from both classes; saw {yes} {kinds[0]} and {no} {kinds[1]} "
                f"among the {len(rows)} questions that are {what}.",
                hint=f"Give more, and more varied, labelled questions: at least {least} of each.",
            )
