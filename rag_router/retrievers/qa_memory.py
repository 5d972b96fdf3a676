"""Questions that were answered before (see `rag_router.indices.qa_memory`).

Lewis et al. 2021, "PAQ: 65 million probably-asked questions and what you can do with them"
(arXiv 2102.07033).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.errors import SettingsError
from rag_router.indices.qa_memory import PASS_ON, SERVE, Thresholds
from rag_router.retrievers.base import Query, Searchable, ranked
from rag_router.retrievers.similarity import asked_of, similarities
from rag_router.text import without_hidden
from rag_router.types import Hit, Passage, Recalled

__all__ = ["QaMemoryRetriever"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class QaMemoryRetriever:
    """Find stored questions that ask the same, with the answers they were given.

    The score is the cosine of both questions. Pairs less similar than `pass_on` are no hits: the
    question falls through to whoever else is asked. Of the others, `why` says whether the answer
    may be given as it is, or is to be read, and `recalled` holds what may be given. Indices of
    documents are passed over; one at least must be a memory.

    Args:
        k: Most hits for a question.
        serve: From which cosine on an answer may be given as it is; above 1 none ever may.
        pass_on: From which cosine on a pair is a hit, at most `serve`.
        curve: Slope and intercept of the log-odds that a pair of a cosine answers rightly; without
            it, answers that are given as they are say that they are not calibrated. All three are
            told by `rag-router index fit-memory`.
        name: What hits say found them.
    """

    k: Annotated[int, Field(ge=1)] = 8
    serve: Annotated[float, Field(ge=-1.0, le=2.0)] = SERVE
    pass_on: Annotated[float, Field(ge=-1.0, le=2.0)] = PASS_ON
    curve: tuple[float, float] | None = None
    name: str = "qa_memory"

    @field_validator("pass_on")
    @classmethod
    def _be_lower(cls, value: float, info: ValidationInfo) -> float:
        if "serve" in info.data and value > info.data["serve"]:
            raise ValueError(f"must be at most serve, which is {info.data['serve']:g}")
        return value

    @property
    def calls(self) -> int:
        return 1

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        if not queries:
            return []
        memories = [index for index in indices if _is_memory(index)]
        if indices and not memories:
            names = ", ".join(repr(index.name) for index in indices)
            raise SettingsError(
                f"{self.name} looks in questions with answers, and {names} hold documents.",
                hint="Make a memory: rag-router index remember NAME PATH",
            )
        found: list[list[Hit]] = [[] for _ in queries]
        for index in memories:
            for hits, fresh in zip(found, self._search(queries, index), strict=True):
                hits.extend(fresh)
        return [ranked(hits, self.k) for hits in found]

    def _search(self, queries: Sequence[Query], index: Searchable) -> list[list[Hit]]:
        asked = asked_of(queries, index)
        _, rows = index.search_vectors(np.stack([query.vector for query in asked]), self.k)
        return [
            self._hits(query, index, of_query)
            for query, of_query in zip(asked, rows.tolist(), strict=True)
        ]

    def _hits(self, query: Query, index: Searchable, rows: Sequence[int]) -> list[Hit]:
        near = similarities(query, index, rows)
        thresholds = Thresholds(serve=self.serve, pass_on=self.pass_on, curve=self.curve)
        return [
            Hit(
                passage=pair,
                retriever=self.name,
                score=cosine,
                rank=0,
                similarity=cosine,
                why=_why(cosine, thresholds),
                recalled=_recalled(pair, cosine, thresholds),
            )
            for pair, cosine in zip(index.passages(rows), near, strict=True)
            if cosine >= self.pass_on
        ]


def _why(cosine: float, thresholds: Thresholds) -> str:
    served = thresholds.outcome(cosine) == "serve"
    what = "its answer may be given as it is" if served else "to be read"
    return f"asked before, cosine {cosine:.3f}: {what}"


def _recalled(pair: Passage, cosine: float, thresholds: Thresholds) -> Recalled | None:
    # What nobody can see is no answer, however often it was given.
    answer = " ".join(without_hidden(str(pair.meta["answer"])).split())
    if not answer or thresholds.outcome(cosine) != "serve":
        return None
    p_right, calibrated = thresholds.p_right(cosine), thresholds.curve is not None
    return Recalled(answer=answer, p_right=p_right, calibrated=calibrated)


def _is_memory(index: Any) -> bool:
    # A view of an index holds what the whole one does.
    return getattr(getattr(index, "index", index), "searched", "text") == "title"
