"""Passages by the questions they answer, beside what they say.

SPIKE, "Imagine All The Relevance" (arXiv 2503.23033, COLM 2025): with the questions s of a
passage d,

    score(q, d) = (1 - weight) * cos(q, d) + weight * max over s of cos(q, s)

and cos(q, d) for a passage without questions. The authors' weight was not found; 0.5 is ours.
`rag-router index scenarios` makes the questions, from documents that came with some or by letting
a model write them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.indices.scenarios import is_current, passage_of
from rag_router.retrievers.base import Query, Searchable, ranked
from rag_router.retrievers.merging import by_rank
from rag_router.retrievers.remembered import PerIndex
from rag_router.retrievers.similarity import asked_of, similarities, space_of
from rag_router.types import Hit, Passage

__all__ = ["ScenarioRetriever"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ScenarioRetriever:
    """Rank passages by their meaning and by the nearest question that they answer.

    An index without questions is searched as `dense` searches it.

    Args:
        k: Most hits for a question.
        weight: How much the questions count, in [0, 1]; 0 is `dense`.
        depth: How many passages, and how many questions, are looked at in each index.
        name: What hits say found them.
    """

    k: Annotated[int, Field(ge=1)] = 8
    weight: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    depth: Annotated[int, Field(ge=1)] = 50
    name: str = "scenario"

    @property
    def calls(self) -> int:
        return 2

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        spaces: dict[str, list[list[Hit]]] = {}
        for index in indices:
            found = spaces.setdefault(space_of(index), [[] for _ in queries])
            for hits, query in zip(found, asked_of(queries, index), strict=True):
                hits.extend(self._search(query, index))
        lists = [[ranked(hits, self.k) for hits in found] for found in spaces.values()]
        if len(lists) > 1:
            # Cosines of two embedders say nothing about each other.
            lists = [[by_rank(hits) for hits in found] for found in lists]
        return [
            ranked([hit for found in lists for hit in found[row]], self.k)
            for row in range(len(queries))
        ]

    def _search(self, query: Query, index: Searchable) -> list[Hit]:
        depth = self.depth
        _, nearest = index.search_vectors(query.vector[np.newaxis], depth)
        rows = dict.fromkeys(int(row) for row in nearest[0])
        whole: Any = getattr(index, "index", index)
        scenarios: Searchable | None = getattr(whole, "scenarios", None)
        if scenarios is not None and self.weight > 0:
            _, asked = scenarios.search_vectors(query.vector[np.newaxis], depth)
            answers = _PLACES.of(whole)
            for question in scenarios.passages(asked[0].tolist()):
                row = answers.get(passage_of(question), -1)
                if row >= 0 and _may_be_found(index, row):
                    rows.setdefault(row)
        passages = index.passages(list(rows))
        return [
            self._hit(query, passage, cosine, scenarios)
            for passage, cosine in zip(
                passages, similarities(query, index, list(rows)), strict=True
            )
        ]

    def _hit(
        self, query: Query, passage: Passage, cosine: float, scenarios: Searchable | None
    ) -> Hit:
        score, why = cosine, f"cosine {cosine:.3f}"
        if scenarios is not None and self.weight > 0:
            questions = [
                (row, question)
                for row, question in _QUESTIONS.of(scenarios).get(passage.id, ())
                if is_current(question, passage)
            ]
            near = similarities(query, scenarios, [row for row, _ in questions])
            if near:
                best = int(np.argmax(near))
                score = (1 - self.weight) * cosine + self.weight * near[best]
                why += f"; answers {questions[best][1].title!r}, cosine {near[best]:.3f}"
        return Hit(
            passage=passage,
            retriever=self.name,
            score=score,
            rank=0,
            similarity=cosine,
            why=why,
        )


def _may_be_found(index: Searchable, row: int) -> bool:
    allowed = getattr(index, "allowed", None)
    return allowed is None or bool(allowed[row])


def _places(index: Any) -> dict[str, int]:
    return {p.id: row for row, p in enumerate(index.passages(range(len(index))))}


def _questions(scenarios: Any) -> dict[str, list[tuple[int, Passage]]]:
    questions: dict[str, list[tuple[int, Passage]]] = {}
    for row, question in enumerate(scenarios.passages(range(len(scenarios)))):
        questions.setdefault(passage_of(question), []).append((row, question))
    return questions


_PLACES = PerIndex(_places)
_QUESTIONS = PerIndex(_questions)
