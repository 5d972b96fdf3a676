"""Real, small implementations of what the orchestrator is given: no file, no weights, no patch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rag_router.filters import FilterContext
from rag_router.gates import Lesson
from rag_router.indices.lexical import LexicalIndex, TermHit
from rag_router.models.scripted_embedder import HashingEmbedder
from rag_router.models.streams import Generation
from rag_router.types import Hit, Judged, Passage, Question, TokenTrace

__all__ = [
    "WORDS",
    "Known",
    "ListIndex",
    "hit",
    "judged",
    "lesson",
    "passage",
    "question",
    "said",
]

WORDS = FilterContext(lambda text: len(text.split()))
"""A reading model whose tokens are words."""


def question(text: str, id_: str = "1", **more: object) -> Question:
    return Question(id=id_, text=text, **more)


def passage(text: str, id_: str = "p", title: str = "") -> Passage:
    return Passage(id=id_, title=title, text=text)


def hit(text: str, id_: str = "p", *, rank: int = 1, similarity: float | None = None) -> Hit:
    return Hit(
        passage=passage(text, id_),
        retriever="list",
        score=1 / rank,
        rank=rank,
        similarity=similarity,
    )


def judged(*texts: str, similarity: float | None = None) -> list[Judged]:
    """Hits called a, b, c, ... in the order of their rank."""
    return [
        Judged(hit=hit(text, "abcdefghij"[at], rank=at + 1, similarity=similarity))
        for at, text in enumerate(texts)
    ]


@dataclass(frozen=True)
class ListIndex:
    """An index over a list of texts, searched by going through all of them."""

    texts: Sequence[str]
    name: str = "list"
    embedder: HashingEmbedder = field(default_factory=HashingEmbedder)

    def passages(self, rows: Sequence[int]) -> list[Passage]:
        return [
            Passage(id=f"{self.name}-{row}", title="", text=self.texts[row], index=self.name)
            for row in rows
        ]

    def search_vectors(
        self, vectors: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        scores = vectors @ self._vectors().T
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, rows, axis=1), rows

    def search_terms(self, texts: Sequence[str], k: int) -> list[list[TermHit]]:
        lexical = LexicalIndex(self.texts)
        return [lexical.search(text, k) for text in texts]

    def vectors_of(self, rows: Sequence[int]) -> NDArray[np.float32]:
        return self._vectors()[list(rows)]

    def _vectors(self) -> NDArray[np.float32]:
        return self.embedder.encode_passages(self.texts)


@dataclass(frozen=True)
class Known:
    """Signals whose values are given."""

    values: Mapping[object, Sequence[object]]

    def read(self, signal: object) -> Sequence[object]:
        return self.values[signal]


def said(*probabilities: float, text: str = "") -> Generation:
    """An answer whose tokens have these probabilities."""
    tokens = tuple(TokenTrace(text="", logprob=math.log(p)) for p in probabilities)
    return Generation(text=text, tokens=tokens, finish="stop", forward_rows=len(tokens))


def lesson(features: object, right: Sequence[bool], **more: object) -> Lesson:
    """What a gate learns from."""
    return Lesson(
        features=np.asarray(features, dtype=float), right=np.asarray(right, dtype=bool), **more
    )
