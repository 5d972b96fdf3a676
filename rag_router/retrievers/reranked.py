"""A cross-encoder reads each candidate beside the question and puts them in order anew.

Nogueira and Cho 2019, "Passage re-ranking with BERT" (arXiv 1901.04085):
score(q, d) = relevance(q, d), one pass of the model for each candidate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from typing import Annotated, Any, Final

from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.models.cross_encoder import CrossEncoder, Relevance
from rag_router.retrievers.base import Query, Retriever, Searchable, ranked
from rag_router.retrievers.equipment import Equipment
from rag_router.retrievers.merging import findings_of
from rag_router.retrievers.naming import built
from rag_router.retrievers.setbacks import OURS, told
from rag_router.types import Hit, Passage

__all__ = ["RerankedRetriever"]

_FUSED: Any = "fused"
_PIECE: Final = 8
"""Pairs that are judged between two looks at the clock."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RerankedRetriever:
    """Let a cross-encoder put in order what another retriever found.

    Without the model, hits stand as the other retriever ranked them, and every answer says so. So
    do those of a question whose candidates take too long, or that the model fails at.

    Args:
        k: Most hits for a question.
        model: The cross-encoder: `hf:org/name`, which `rag-router models fetch` gets, or
            `path:/folder`. It is never fetched by itself.
        member: Who finds the candidates, by name or with options.
        depth: How many candidates the member brings, where it is given by name.
        seconds: How long the candidates of a question may take on average, > 0; looked at after
            every 8 of them.
        encoder: The cross-encoder, loaded; set by whoever assembles.
        clock: Tells how long it takes, in seconds.
        name: What hits say found them.
    """

    k: Annotated[int, Field(ge=1)] = 8
    model: str = "hf:cross-encoder/ms-marco-MiniLM-L6-v2"
    depth: Annotated[int, Field(ge=1)] = 30
    member: Retriever = _FUSED
    seconds: Annotated[float, Field(gt=0.0)] = 5.0
    encoder: CrossEncoder | None = None
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)
    name: str = "reranked"

    @field_validator("member", mode="before")
    @classmethod
    def _build_named(cls, given: Any, info: Any) -> Any:
        return built(given, k=info.data.get("depth", 30))

    @property
    def calls(self) -> int:
        return self.member.calls

    @property
    def lacks(self) -> tuple[str, ...]:
        """That there is no cross-encoder, where there is none."""
        if self.encoder is not None:
            return ()
        how = f"rag-router models fetch {self.model}"
        return (f"{self.name}: not reranked, the cross-encoder is not there ({how})",)

    def equipped(self, equipment: Equipment) -> RerankedRetriever:
        """Return it with its cross-encoder, where that is there.

        Raises:
            ModelError: what the settings name is there and no cross-encoder, or broken.
        """
        if self.encoder is not None:
            return self
        return replace(self, encoder=equipment.cross_encoder(self.model))

    def retrieve(self, queries: Sequence[Query], indices: Sequence[Searchable]) -> list[list[Hit]]:
        found = self.member.retrieve(queries, indices)
        if self.encoder is None:
            return [self._as_found(hits) for hits in found]
        return [
            self._as_found(hits)
            if said is None
            else ranked([self._judged(*one) for one in zip(hits, said, strict=True)], self.k)
            for hits, said in zip(found, self._said(self.encoder, queries, found), strict=True)
        ]

    def _said(
        self, encoder: CrossEncoder, queries: Sequence[Query], found: Sequence[Sequence[Hit]]
    ) -> list[list[Relevance] | None]:
        """What the cross-encoder says of each question's hits; None where it does not, in time."""
        pairs = [
            (query.text, _shown(hit.passage))
            for query, hits in zip(queries, found, strict=True)
            for hit in hits
        ]
        try:
            judged = self._in_time(encoder, pairs, self.seconds * len(queries))
        except OURS:
            raise
        except Exception as exc:  # noqa: BLE001  # whatever a model may raise
            if len(queries) > 1:
                alone = zip(queries, found, strict=True)
                return [self._said(encoder, [query], [hits])[0] for query, hits in alone]
            what = f"the cross-encoder failed: {type(exc).__name__}"
            told(queries, "reranker", f"{self.name}: not reranked, {what}", exc)
            return [None]
        said: list[list[Relevance] | None] = []
        at = 0
        for query, hits in zip(queries, found, strict=True):
            own, at = judged[at : at + len(hits)], at + len(hits)
            said.append(own if len(own) == len(hits) else None)
            if said[-1] is None:
                what = f"the cross-encoder took longer than {self.seconds:g} s"
                told([query], "reranker", f"{self.name}: not reranked, {what}")
        return said

    def _in_time(
        self, encoder: CrossEncoder, pairs: Sequence[tuple[str, str]], seconds: float
    ) -> list[Relevance]:
        """Judge pairs in order, and no more of them once the time is up."""
        ends = self.clock() + seconds
        judged: list[Relevance] = []
        for at in range(0, len(pairs), _PIECE):
            if at and self.clock() >= ends:
                break
            judged += encoder.judge(pairs[at : at + _PIECE])
        return judged

    def _judged(self, hit: Hit, relevance: Relevance) -> Hit:
        cut = ""
        if relevance.read < relevance.tokens:
            cut = f", read {relevance.read} of {relevance.tokens} tokens"
        return replace(
            hit,
            retriever=self.name,
            score=relevance.score,
            why=f"relevance {relevance.score:.3f}{cut}; "
            f"{hit.retriever} rank {hit.rank} ({hit.why})",
            found_by=findings_of(hit),
        )

    def _as_found(self, hits: Sequence[Hit]) -> list[Hit]:
        return [
            replace(
                hit,
                retriever=self.name,
                why=f"not reranked; {hit.retriever} rank {hit.rank} ({hit.why})",
                found_by=findings_of(hit),
            )
            for hit in hits[: self.k]
        ]


def _shown(passage: Passage) -> str:
    return f"{passage.title}\n{passage.text}" if passage.title.strip() else passage.text
