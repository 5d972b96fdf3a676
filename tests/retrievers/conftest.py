from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from rag_router.indices.lexical import LexicalIndex, TermHit
from rag_router.models.base import Embedder
from rag_router.retrievers import Query
from rag_router.types import Hit, Passage


@dataclass(frozen=True)
class ListIndex:
    """An index over lists: `rows` of (id, text, vector)."""

    rows: Sequence[tuple[str, str, Sequence[float]]]
    name: str = "list"
    encoder: Embedder | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def passages(self, rows: Sequence[int]) -> list[Passage]:
        found = [self.rows[row] for row in rows]
        # The passages of "doc" are called "doc#0", "doc#1" and so on.
        return [
            Passage(id=i, title="", text=t, index=self.name, document_id=i.partition("#")[0])
            for i, t, _ in found
        ]

    def search_vectors(
        self, vectors: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        scores = vectors @ self._matrix().T
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, rows, axis=1), rows

    def search_terms(self, texts: Sequence[str], k: int) -> list[list[TermHit]]:
        lexical = LexicalIndex([text for _, text, _ in self.rows])
        return [lexical.search(text, k) for text in texts]

    def vectors_of(self, rows: Sequence[int]) -> NDArray[np.float32]:
        return self._matrix()[list(rows)]

    def _matrix(self) -> NDArray[np.float32]:
        return np.asarray([vector for *_, vector in self.rows], np.float32).reshape(-1, 2)


@dataclass(frozen=True)
class Returns:
    """A retriever that always finds the same passages, whatever is asked."""

    ids: Sequence[str]
    name: str = "fixed"
    similarity: float | None = None
    calls: int = 1

    def retrieve(self, queries: Sequence[Query], indices: Sequence[object]) -> list[list[Hit]]:
        hits = [
            Hit(
                passage=Passage(id=id_, title="", text=id_),
                retriever=self.name,
                score=1 / rank,
                rank=rank,
                similarity=self.similarity,
                why="said so",
            )
            for rank, id_ in enumerate(self.ids, start=1)
        ]
        return [hits for _ in queries]


@pytest.fixture
def list_index():
    return ListIndex


@pytest.fixture
def returns():
    return Returns


@pytest.fixture
def query():
    def make(text: str = "", vector: Sequence[float] = (1.0, 0.0)) -> Query:
        return Query(text, np.asarray(vector, dtype=np.float32))

    return make
