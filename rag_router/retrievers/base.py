"""What a retriever is: questions and open indices in, ranked passages out.

The contract, for all kinds:

- Hits come best first, `rank` 1 is the best, at most `k` of them; ties are broken by passage id.
- Scores descend and are comparable only inside one retriever; what they are is its own business.
- `similarity` is the cosine of question and passage, whoever found the passage.
- Rows of a batch never influence each other, and nothing is kept between calls.
- A question that nothing is found for gets an empty list.
- An index whose `encoder` is not the embedder of the queries has its own look at their texts.
- What asks others says in `found_by` who of them found a passage, and leaves out those that fail.
- Search by meaning raises for a query that could not be embedded; search by words does not mind.
- What a retriever must do without while it looks it tells by `rag_router.retrievers.setbacks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rag_router.indices.lexical import TermHit
from rag_router.indices.reach import Reach
from rag_router.types import Hit, Passage

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["Query", "Retriever", "Searchable", "make_queries", "ranked"]


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is searched for, embedded once for all retrievers that are asked.

    Attributes:
        text: A question, or whatever the gate said to search for.
        vector: Its embedding of unit length, shape (dimension,); empty where it could not be
            embedded.
    """

    text: str
    vector: NDArray[np.float32]

    @classmethod
    def unembedded(cls, text: str) -> Query:
        """Search for words alone, where nobody is there to embed them."""
        return cls(text, np.empty(0, dtype=np.float32))

    @property
    def embedded(self) -> bool:
        """Whether it can be searched for by its meaning."""
        return self.vector.size > 0


class Searchable(Protocol):
    """What retrievers ask of an index. Rows number its passages from 0."""

    @property
    def name(self) -> str: ...

    def __len__(self) -> int:
        """How many passages can be found."""

    def passages(self, rows: Sequence[int]) -> list[Passage]:
        """Return the passages in these rows, in this order."""

    def search_vectors(
        self, vectors: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return cosines and rows of the nearest passages, best first, (questions, <= k)."""

    def search_terms(self, texts: Sequence[str], k: int) -> list[list[TermHit]]:
        """Return for each text the passages that share terms with it, best first."""

    def reach(self, text: str) -> Reach:
        """Tell how far the index reaches for a question, by term statistics alone."""

    def vectors_of(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Return the stored vectors of these rows, shape (rows, dimension)."""


@runtime_checkable
class Retriever(Protocol):
    """Finds passages; see the contract above."""

    @property
    def name(self) -> str:
        """What hits say found them."""

    @property
    def calls(self) -> int:
        """How many searches one `retrieve` costs per question and index."""

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        """Return for each query what all indices together hold for it.

        Args:
            queries: Embedded by the embedder that built the indices.
            indices: At least one; passages of several are merged.
        """


def make_queries(texts: Sequence[str], embedder: Embedder) -> list[Query]:
    """Embed questions, all in one batch."""
    if not texts:
        return []
    vectors = embedder.encode_queries(texts)
    return [Query(text, vector) for text, vector in zip(texts, vectors, strict=True)]


def ranked(hits: Sequence[Hit], k: int) -> list[Hit]:
    """Order hits by score, ties by passage id, keep the best `k`, and number them."""
    ordered = sorted(hits, key=lambda hit: (-hit.score, hit.passage.id, hit.passage.index))
    return [replace(hit, rank=rank) for rank, hit in enumerate(ordered[:k], start=1)]
