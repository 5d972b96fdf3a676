"""Mix-of-Granularity: how much of a document a question needs is decided for each question.

Zhong et al. 2025, COLING (arXiv 2406.00456). Every index has five aligned granularities (see
`rag_router.retrievers.levels`). BM25 finds the best `depth` chunks of each; a finest chunk s has

    score(s) = sum over levels j: w_j(q) * BM25 of the chunk of level j that holds s,
               0 where that was not found

and is returned as its ancestor at the level that weighs most. Choosing on the finest level keeps
long chunks from winning by their length. The router w(q) is a small network on the question's
embedding, fitted by `rag-router index fit-granular`; without one all levels weigh the same, and
passages of the usual size are returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from rag_router.artefacts import Artefact
from rag_router.component import STRICT
from rag_router.indices.granularity import LEVELS
from rag_router.retrievers.base import Query, Searchable, ranked
from rag_router.retrievers.equipment import Equipment
from rag_router.retrievers.granularity_router import METHOD, GranularityRouter
from rag_router.retrievers.levels import levels_of
from rag_router.retrievers.merging import by_rank
from rag_router.retrievers.similarity import asked_of, similarities
from rag_router.types import Hit

__all__ = ["GranularRetriever"]

_USUAL: Final = 1
"""The level of passages of the usual size, where the finest are half of it."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class GranularRetriever:
    """Return as much around what was found as the question needs.

    `similarity` is the greatest of the passages that a larger one is made of.

    Args:
        k: Most hits for a question.
        depth: How many chunks of each granularity are looked at; None is `k`. The authors take 3
            and keep 2.
        weights: Fixed weights of the five levels, the finest first; empty asks the router.
        artefact: Folder of a fitted router; whoever assembles loads it.
        router: The router, loaded.
        name: What hits say found them.
    """

    k: Annotated[int, Field(ge=1)] = 8
    depth: Annotated[int, Field(ge=1)] | None = None
    weights: tuple[Annotated[float, Field(ge=0.0)], ...] = ()
    artefact: Path | None = None
    router: GranularityRouter | None = None
    name: str = "granular"

    @model_validator(mode="after")
    def _one_weight_for_each_level(self) -> GranularRetriever:
        if self.weights and (len(self.weights) != LEVELS or not any(self.weights)):
            raise ValueError(f"weights: {LEVELS} are needed, and not all of them zero")
        return self

    @property
    def calls(self) -> int:
        return LEVELS

    @property
    def lacks(self) -> tuple[str, ...]:
        """That nobody chooses, where no router was fitted."""
        if self.weights or self.router is not None:
            return ()
        return (f"{self.name}: no router was fitted, all granularities weigh the same",)

    def equipped(self, equipment: Equipment) -> GranularRetriever:
        """Return it with its router, where settings name one.

        Raises:
            ArtefactError: it is broken, or was fitted with another embedder.
        """
        if self.artefact is None or self.router is not None:
            return self
        fingerprint = None if equipment.embedder is None else equipment.embedder.fingerprint
        folder = self.artefact.expanduser()
        loaded = Artefact.load(folder, model_fingerprint=fingerprint)
        return replace(self, router=GranularityRouter.of(loaded, folder, method=METHOD))

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        weights = [self._weights(query) for query in queries]
        by_index = [self._search(queries, weights, index) for index in indices]
        if len(by_index) > 1:
            # BM25 counts words in each index by itself.
            by_index = [[by_rank(hits) for hits in found] for found in by_index]
        return [
            ranked([hit for found in by_index for hit in found[row]], self.k)
            for row in range(len(queries))
        ]

    def _weights(self, query: Query) -> tuple[float, ...]:
        if self.weights:
            return self.weights
        if self.router is not None:
            return self.router.weights(query.vector)
        return (1 / LEVELS,) * LEVELS

    def _search(
        self, queries: Sequence[Query], weights: Sequence[tuple[float, ...]], index: Searchable
    ) -> list[list[Hit]]:
        asked = asked_of(queries, index)
        return [
            self._search_one(query, own, index) for query, own in zip(asked, weights, strict=True)
        ]

    def _search_one(self, query: Query, weights: tuple[float, ...], index: Searchable) -> list[Hit]:
        levels, allowed = levels_of(index)
        scores: dict[int, float] = {}
        terms: dict[int, dict[str, None]] = {}
        for level, weight in enumerate(weights):
            if weight == 0:
                continue
            for found in levels.search(query.text, level, self.depth or self.k, allowed):
                for row in levels.rows(level, found.row, allowed):
                    scores[row] = scores.get(row, 0.0) + weight * found.score
                    terms.setdefault(row, {}).update(dict.fromkeys(found.terms))
        chosen = max(range(LEVELS), key=lambda level: (weights[level], level == _USUAL, -level))
        best: dict[int, int] = {}
        for row in sorted(scores, key=lambda row: (-scores[row], row)):
            best.setdefault(levels.chunk_of(row, chosen), row)
            if len(best) == self.k:
                break
        hits = []
        for chunk, row in best.items():
            rows = levels.rows(chosen, chunk, allowed)
            hits.append(
                Hit(
                    passage=levels.passage(chosen, chunk, allowed),
                    retriever=self.name,
                    score=scores[row],
                    rank=0,
                    similarity=float(np.max(similarities(query, index, rows))),
                    why=f"shares {', '.join(terms[row])}; granularity {chosen + 1} of {LEVELS}, "
                    f"{len(rows)} passage(s) joined",
                )
            )
        return ranked(hits, self.k)
