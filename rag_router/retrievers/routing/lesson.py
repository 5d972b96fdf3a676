"""What routers learn from: questions, whose field each is from, and who found what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import DataError

__all__ = ["RouteLesson"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RouteLesson:
    """Labelled questions.

    Attributes:
        vectors: Embeddings of the questions, of unit length, shape (n, dimension).
        fields: Name of the expert whose field each question is from, n of them.
        found: For each expert, how well it did on each question (nDCG@10), in [0, 1], shape (n,);
            empty where nobody searched.
        seed: Of everything that is drawn at random.
    """

    vectors: NDArray[np.float32]
    fields: tuple[str, ...]
    found: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    seed: int = 0

    def best(self) -> tuple[str | None, ...]:
        """Name the expert that did best on each question; None where nobody found anything.

        Where several did equally well, the one whose field the question is from is taken, else
        the first by name.

        Raises:
            DataError: nobody searched.
        """
        if not self.found:
            raise DataError(
                "nobody searched for these questions, so that nobody can have found anything.",
                hint="Give questions with relevant documents, and the indexes of the experts.",
            )
        names = sorted(self.found)
        scores = np.stack([self.found[name] for name in names], axis=1)
        best: list[str | None] = []
        for own, row in zip(self.fields, scores, strict=True):
            top = float(row.max())
            ties = [name for name, score in zip(names, row, strict=True) if score == top]
            best.append(None if top <= 0 else own if own in ties else ties[0])
        return tuple(best)
