"""Where a question lies among questions: its sentence embedding.

Reimers and Gurevych 2019, "Sentence-BERT" (arXiv 1908.10084).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rag_router.signals.base import Board, Reading, Requirements

__all__ = ["Embedded", "QuestionEmbedding"]


@dataclass(frozen=True, slots=True)
class Embedded:
    """One embedded question.

    Attributes:
        fingerprint: Of the embedder; what is learned from it holds for no other one.
        vector: Of unit length, shape (dimension,).
    """

    fingerprint: str
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class QuestionEmbedding:
    """Embedded as a query, which any search by meaning does too.

    No language model reads or writes anything for it: it costs no tokens and no steps.
    """

    requires: ClassVar[Requirements] = Requirements(partners=frozenset({"embedder"}))

    @property
    def name(self) -> str:
        return "question_embedding"

    def compute(self, board: Board, rows: Sequence[int]) -> list[Reading[Embedded]]:
        """Embed the questions of these rows.

        Raises:
            SettingsError: there is no embedder.
        """
        embedder = board.embedder
        vectors = embedder.encode_queries([board.questions[row].text for row in rows])
        return [Reading(Embedded(embedder.fingerprint, vector)) for vector in vectors]
