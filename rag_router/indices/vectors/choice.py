"""Which kind of faiss index, by how many vectors there are, and how thoroughly it is searched.

After the guidelines of faiss: flat while that is quick, HNSW while memory allows, IVF-PQ with the
vectors themselves to rank by beyond. No kind is taken that misses too much: its recall is measured
before it is published, and where even its greatest effort is not enough, flat search stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag_router.indices.vectors.base import Kind, VectorCard, Vectors
from rag_router.indices.vectors.flat import FlatKind
from rag_router.indices.vectors.hnsw import HnswKind
from rag_router.indices.vectors.ivf_pq import IvfPqKind
from rag_router.indices.vectors.recall import Sample, recall_of

__all__ = ["KINDS", "Sizes", "build_vectors", "extend_vectors", "tuned"]

KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in (FlatKind(), HnswKind(), IvfPqKind())}

MOST_DEAD: Final = 0.2
"""Share of dead slots from which an index is built again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """From how many vectors on which kind is taken.

    Attributes:
        hnsw_above: More vectors than that make a graph.
        ivf_pq_above: More vectors than that make lists of codes.
        recall: The least recall@10 against flat search that is good enough, in [0, 1].
    """

    hnsw_above: int = 100_000
    ivf_pq_above: int = 1_000_000
    recall: float = 0.97

    def kind(self, count: int) -> Kind:
        if count > self.ivf_pq_above:
            return KINDS["ivf_pq"]
        return KINDS["hnsw" if count > self.hnsw_above else "flat"]


def build_vectors(vectors: NDArray[np.float32], sizes: Sizes) -> Vectors:
    """Put vectors, shape (rows, dimension), into the kind of index that their number asks for."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    kind = sizes.kind(len(vectors))
    originals = None if kind.keeps_vectors else vectors
    built = Vectors(kind.build(vectors), kind, _first_card(kind), originals=originals)
    built = tuned(built, sizes.recall)
    if built.card.recall_at_10 >= sizes.recall:
        return built
    flat = KINDS["flat"]
    return Vectors(flat.build(vectors), flat, VectorCard())


def extend_vectors(
    before: Vectors, stays: NDArray[np.bool_], fresh: NDArray[np.float32], sizes: Sizes
) -> Vectors:
    """Return the rows that stay, followed by fresh ones.

    A flat index is made anew, which is quick. Any other goes on growing, its rows that went
    leaving dead slots behind, until there are too many of these or another kind is due.

    Args:
        before: Used up: it must not be searched any more.
        stays: For each of its rows whether it stays.
        fresh: Unit vectors, shape (rows, dimension).
        sizes: Which kind is due.
    """
    kept = np.flatnonzero(stays)
    count = len(kept) + len(fresh)
    slots = np.arange(int(before.index.ntotal)) if before.slots is None else before.slots
    ended = int(before.index.ntotal) + len(fresh)
    grows = bool(before.kind.efforts) and before.kind is sizes.kind(count)
    if not grows or ended - count > MOST_DEAD * ended:
        return build_vectors(np.concatenate([before.rows(kept), fresh]), sizes)
    fresh = np.ascontiguousarray(fresh, dtype=np.float32)
    originals = before.originals
    if originals is not None:
        originals = np.concatenate([originals, fresh])
    first = int(before.index.ntotal)
    if len(fresh):
        before.index.add(fresh)
    now = np.concatenate([slots[kept], np.arange(first, ended)])
    grown = Vectors(
        before.index,
        before.kind,
        before.card,
        slots=None if len(now) == ended else now,
        originals=originals,
    )
    grown = tuned(grown, sizes.recall)
    if grown.card.recall_at_10 >= sizes.recall:
        return grown
    return build_vectors(grown.rows(np.arange(len(grown))), sizes)


def tuned(vectors: Vectors, recall: float) -> Vectors:
    """Return `vectors` with the least effort that reaches this recall@10, or with the greatest."""
    efforts = vectors.kind.efforts
    if not efforts:
        return vectors
    sample = Sample(vectors)
    best = vectors
    for effort in efforts:
        card = VectorCard(kind=vectors.kind.name, effort=effort, questions=len(sample))
        best = _with_card(vectors, card)
        reached = recall_of(best, sample)
        best = _with_card(vectors, card.model_copy(update={"recall_at_10": round(reached, 4)}))
        if best.card.recall_at_10 >= recall:
            break
    return best


def _first_card(kind: Kind) -> VectorCard:
    return VectorCard(kind=kind.name, effort=kind.efforts[0] if kind.efforts else 0)


def _with_card(vectors: Vectors, card: VectorCard) -> Vectors:
    return Vectors(
        vectors.index, vectors.kind, card, slots=vectors.slots, originals=vectors.originals
    )
