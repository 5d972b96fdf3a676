"""A cross-encoder reads each candidate beside the question and puts them in order anew.

Nogueira and Cho 2019, "Passage re-ranking with BERT" (arXiv 1901.04085):
score(q, d) = relevance(q, d), one pass of the model for each candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.models.cross_encoder import CrossEncoder, Relevance
from rag_router.retrievers.base import Query, Retriever, Searchable, ranked
from rag_router.retrievers.equipment import Equipment
from rag_router.retrievers.merging import findings_of
from rag_router.retrievers.naming import built
from rag_router.types import Hit, Passage

__all__ = ["RerankedRetriever"]

_FUSED: Any = "fused"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RerankedRetriever:
    """Let a cross-encoder put in order what another retriever found.

    Without the model, hits stand as the other retriever ranked them, and every answer says so.

    Args:
        k: Most hits for a question.
        model: The cross-encoder: `hf:org/name`, which `rag-router models fetch` gets, or
            `path:/folder`. It is never fetched by itself.
        member: Who finds the candidates, by name or with options.
        depth: How many candidates the member brings, where it is given by name.
        encoder: The cross-encoder, loaded; set by whoever assembles.
        name: What hits say found them.
    """

    k: Annotated[int, Field(ge=1)] = 8
    model: str = "hf:cross-encoder/ms-marco-MiniLM-L6-v2"
    depth: Annotated[int, Field(ge=1)] = 30
    member: Retriever = _FUSED
    encoder: CrossEncoder | None = None
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
            return [[self._as_found(hit) for hit in hits[: self.k]] for hits in found]
        pairs = [
            (query.text, _shown(hit.passage))
            for query, hits in zip(queries, found, strict=True)
            for hit in hits
        ]
        judged = iter(self.encoder.judge(pairs))
        return [ranked([self._judged(hit, next(judged)) for hit in hits], self.k) for hits in found]

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

    def _as_found(self, hit: Hit) -> Hit:
        why = f"not reranked; {hit.retriever} rank {hit.rank} ({hit.why})"
        return replace(hit, retriever=self.name, why=why, found_by=findings_of(hit))


def _shown(passage: Passage) -> str:
    return f"{passage.title}\n{passage.text}" if passage.title.strip() else passage.text
