"""Which of several answers to give: one line for each, and the highest is chosen.

    r_k(x) = exp(b_k + w_k . x) / sum over j of exp(b_j + w_j . x)

w and b make as much as they can of the mean of r_k over the answers k that are wanted: what every
answer would have come to is known, and so the choice itself is learned, and not a guess of each
answer's worth on the way to it (a policy, as where one learns from bandit feedback: Dudík, Langford
and Li 2011, arXiv 1103.4601; here nothing is left to be estimated). Lines, since on sets that were
not learned from, forests over the same numbers chose no better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from rag_router.learning.softmax import softmax

__all__ = ["Rewards"]

_PARTS: Final = ("slopes", "intercepts")


@dataclass(frozen=True, slots=True)
class Rewards:
    """One line for each answer.

    Attributes:
        slopes: Shape (answers, columns).
        intercepts: Shape (answers,).
    """

    slopes: NDArray[np.float64]
    intercepts: NDArray[np.float64]

    def __call__(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each answer promises, shape (rows, answers), of columns (rows, columns)."""
        return softmax(columns @ self.slopes.T + self.intercepts)

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return what it consists of, for an artefact, under a name."""
        return {f"{name}.{part}": getattr(self, part) for part in _PARTS}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> Self:
        """Bring back what `arrays` took apart.

        Raises:
            KeyError: it is not there.
        """
        return cls(**{part: arrays[f"{name}.{part}"] for part in _PARTS})
