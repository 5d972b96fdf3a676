"""Unit vectors that can be searched by cosine, whatever faiss index holds them.

Rows number the live vectors from 0 without gaps. A graph cannot forget a vector, so that a row
may lie in another slot of the faiss index than its number says; slots that no row names are dead,
and are never found.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from rag_router.indices.vectors.library import faiss_library

__all__ = ["Kind", "VectorCard", "Vectors", "exact_search"]

EXACT_UP_TO: Final = 20_000
"""Of no more rows than that, all are looked at: a graph walk through them would find fewer."""

MOST_EFFORT: Final = 16.0
"""How many times as far a search goes at most where few rows are allowed."""

_BLOCK: Final = 8192
_TOGETHER: Final = 256
"""Rows looked at, and queries asked, at once, so that memory stays bounded."""


class VectorCard(BaseModel):
    """What a manifest says about how vectors are searched.

    Attributes:
        kind: "flat", "hnsw" or "ivf_pq".
        effort: How thoroughly a search looks: efSearch of HNSW, nprobe of IVF-PQ; 0 for flat,
            which looks at everything.
        recall_at_10: Share of the ten nearest that a search with this effort finds, measured
            against flat search when the index was built.
        questions: How many stored vectors it was measured with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = "flat"
    effort: int = 0
    recall_at_10: float = 1.0
    questions: int = 0


class Kind(Protocol):
    """One way of arranging vectors in faiss."""

    name: ClassVar[str]
    efforts: ClassVar[tuple[int, ...]]
    """What effort may be, ascending; empty where a search always looks at everything."""

    keeps_vectors: ClassVar[bool]
    """Whether the vectors can be had back from the faiss index as they were put in."""

    def build(self, vectors: NDArray[np.float32]) -> Any:
        """Make a faiss index of these vectors, in this order."""

    def is_one(self, index: Any) -> bool:
        """Tell whether a faiss index is of this kind."""

    def parameters(self, effort: int, selector: Any) -> Any:
        """Return faiss' search parameters; `selector` may be None."""


class Vectors:
    """Unit vectors in a faiss index. Reads may come from any thread.

    Args:
        index: The faiss index.
        kind: How it is arranged.
        card: How thoroughly it is searched.
        slots: For each row its place in the faiss index; None where they are the same.
        originals: The vectors by slot, where the faiss index does not keep them.
    """

    def __init__(
        self,
        index: Any,
        kind: Kind,
        card: VectorCard,
        *,
        slots: NDArray[np.int64] | None = None,
        originals: NDArray[np.float32] | None = None,
    ) -> None:
        self.index, self.kind, self.card = index, kind, card
        self.slots, self.originals = slots, originals
        self._parameters = kind.parameters(card.effort, self._selector(None))

    def __len__(self) -> int:
        return int(self.index.ntotal) if self.slots is None else len(self.slots)

    @property
    def dimension(self) -> int:
        return int(self.index.d)

    @property
    def dead(self) -> int:
        """Slots that no row names any more."""
        return int(self.index.ntotal) - len(self)

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return cosines and rows of the nearest, each (queries, min(k, rows looked among)).

        Args:
            queries: Unit vectors, shape (queries, dimension).
            k: How many.
            allowed: For each row whether it may be found; None allows all.
        """
        among = len(self) if allowed is None else int(allowed.sum())
        k = min(k, among)
        if k <= 0 or len(queries) == 0:
            shape = (len(queries), max(k, 0))
            return np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.int64)
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if len(queries) > _TOGETHER:
            parts = [
                self.search(queries[at : at + _TOGETHER], k, allowed)
                for at in range(0, len(queries), _TOGETHER)
            ]
            near, which = zip(*parts, strict=True)
            return np.concatenate(near), np.concatenate(which)
        if allowed is not None and among <= EXACT_UP_TO:
            return exact_search(self, queries, k, np.flatnonzero(allowed))
        parameters = self._parameters
        if allowed is not None:
            # Of what the walk meets only a share counts: it must go that much further.
            further = min(len(self) / among, MOST_EFFORT)
            effort = round(self.card.effort * further)
            parameters = self.kind.parameters(effort, self._selector(allowed))
        scores, found = self._nearest(queries, k, parameters)
        rows = found if self.slots is None else self._rows_by_slot[found]
        # A walk may end before it has met enough of what it may return.
        short = np.flatnonzero((rows < 0).any(axis=1))
        if len(short):
            wanted = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
            scores[short], rows[short] = exact_search(self, queries[short], k, wanted)
        return scores, rows

    def rows(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return stored vectors, shape (rows, dimension)."""
        rows = np.asarray(rows, dtype=np.int64)
        if len(rows) == 0:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return self._at(rows if self.slots is None else self.slots[rows])

    def _nearest(
        self, queries: NDArray[np.float32], k: int, parameters: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        if self.originals is None:
            scores, slots = self.index.search(queries, k, params=parameters)
            return scores, slots
        # Coarse codes find more than is wanted; the vectors themselves say which of it is best.
        wide = min(max(10 * k, 100), int(self.index.ntotal))
        _, slots = self.index.search(queries, wide, params=parameters)
        near = np.where(
            slots >= 0,
            np.einsum("qd,qwd->qw", queries, self.originals[np.maximum(slots, 0)]),
            -np.inf,
        )
        best = np.argsort(-near, axis=1, kind="stable")[:, :k]
        return (
            np.take_along_axis(near, best, axis=1).astype(np.float32),
            np.take_along_axis(slots, best, axis=1),
        )

    def _at(self, slots: NDArray[np.int64]) -> NDArray[np.float32]:
        if self.originals is not None:
            return np.array(self.originals[slots], dtype=np.float32)
        vectors: NDArray[np.float32] = self.index.reconstruct_batch(slots)
        return vectors

    def _selector(self, allowed: NDArray[np.bool_] | None) -> Any:
        """Return what tells faiss which slots may be found; None where all may."""
        faiss = faiss_library()
        if allowed is None and self.slots is None:
            return None
        rows = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
        mask = np.zeros(int(self.index.ntotal), dtype=bool)
        mask[rows if self.slots is None else self.slots[rows]] = True
        return faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))

    @cached_property
    def _rows_by_slot(self) -> NDArray[np.int64]:
        # One more, so that faiss' -1 for "nothing" stays -1.
        rows = np.full(int(self.index.ntotal) + 1, -1, dtype=np.int64)
        if self.slots is not None:
            rows[self.slots] = np.arange(len(self.slots))
        return rows


def exact_search(
    vectors: Vectors, queries: NDArray[np.float32], k: int, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Look at all of `rows`, in blocks; ties go to the lower row."""
    best = np.full((len(queries), 0), 0, dtype=np.float32)
    found = np.zeros((len(queries), 0), dtype=np.int64)
    for begin in range(0, len(rows), _BLOCK):
        block = rows[begin : begin + _BLOCK]
        scores = queries @ vectors.rows(block).T
        best = np.concatenate([best, scores], axis=1)
        found = np.concatenate([found, np.broadcast_to(block, scores.shape)], axis=1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :k]
        best = np.take_along_axis(best, order, axis=1)
        found = np.take_along_axis(found, order, axis=1)
    return best, found
