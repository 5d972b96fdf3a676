"""Cutting texts into passages: whole sentences, up to so many of the embedder's tokens.

Passages of about 100 words are those of Karpukhin et al. 2020 (arXiv 2004.04906), who do not keep
to sentences. The contract, for all chunkers: chunks stand in the order of the text and hold all
its characters but white space between them, none is longer than `max_tokens`, and a text is cut
the same alone and in company.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass as value
from typing import Annotated, Any, Protocol, runtime_checkable

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.indices.packing import Span, TokenCounter, halves, pack
from rag_router.text import sentence_spans

__all__ = ["Chunk", "Chunker", "SentenceChunker", "TokenCounter", "chunks_of"]


@value(frozen=True, slots=True)
class Chunk:
    """A piece of a text; `start` is its first character's offset."""

    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@runtime_checkable
class Chunker(Protocol):
    """Cuts texts into passages; see the contract above."""

    @property
    def max_tokens(self) -> int:
        """Most tokens in one passage."""

    @property
    def settings(self) -> dict[str, Any]:
        """What the passages depend on: `kind`, its name, and all options."""

    def chunk(self, texts: Sequence[str], count_tokens: TokenCounter) -> list[list[Chunk]]:
        """Cut each text; blank ones give no chunk."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SentenceChunker:
    """Pack sentences into passages, each begun by the end of the one before it.

    A sentence longer than a passage is halved at a space, again and again, until the parts fit;
    a word longer than a passage is halved between characters. Sentences are repeated whole or
    not at all, so that an overlap may be shorter than allowed, and is empty after a long one.

    Args:
        max_tokens: Most tokens in one passage, >= 8. 200 keeps a passage of 100-150 words whole
            and fits the 256 tokens that small sentence embedders read.
        overlap_tokens: Most tokens repeated from the passage before, below `max_tokens`.
    """

    max_tokens: Annotated[int, Field(ge=8)] = 200
    overlap_tokens: Annotated[int, Field(ge=0)] = 24

    @model_validator(mode="after")
    def _overlap_is_shorter(self) -> SentenceChunker:
        if self.overlap_tokens >= self.max_tokens:
            raise ValueError(
                f"overlap_tokens ({self.overlap_tokens}) must be below "
                f"max_tokens ({self.max_tokens})"
            )
        return self

    @property
    def settings(self) -> dict[str, Any]:
        """What the passages depend on, for manifests and hashes."""
        return {
            "kind": "sentence",
            "max_tokens": self.max_tokens,
            "overlap_tokens": self.overlap_tokens,
        }

    def chunk(self, texts: Sequence[str], count_tokens: TokenCounter) -> list[list[Chunk]]:
        """Cut each text; blank ones give no chunk.

        Chunks stand in the order of the text and hold all its characters but white space
        between sentences. Tokens are counted for all texts at once, a few times in all.
        """
        spans = pack(
            texts,
            [sentence_spans(text) for text in texts],
            count_tokens,
            divide=halves,
            max_tokens=self.max_tokens,
            overlap_tokens=self.overlap_tokens,
        )
        return chunks_of(texts, spans)


def chunks_of(texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[list[Chunk]]:
    """Cut texts at these places."""
    return [
        [Chunk(start, text[start:end]) for start, end in of_text]
        for text, of_text in zip(texts, spans, strict=True)
    ]
