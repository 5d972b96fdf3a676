"""Cutting at headings and paragraphs: a section is one passage wherever it fits.

Passages by the elements that a document is built of are those of Jimeno Yepes et al. 2024,
"Financial report chunking for effective retrieval augmented generation" (arXiv 2402.05131).
Readers make one text of what stands under a heading, and so no chunk ever crosses one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from rag_router.component import STRICT
from rag_router.indices.chunking import Chunk, chunks_of
from rag_router.indices.packing import Span, TokenCounter, halves, pack
from rag_router.text import sentence_spans

__all__ = ["HeadingChunker"]

_BLANK_LINE = re.compile(r"\n\s*\n")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HeadingChunker:
    """Keep what stands under a heading together, cut at paragraphs if too long.

    Paragraphs are packed whole; one that is too long by itself is cut at sentences, and a
    sentence at spaces. Nothing is repeated.

    Args:
        max_tokens: Most tokens in one passage, >= 8. The default leaves small embedders, which
            read 256 tokens, room for the headings.
    """

    max_tokens: Annotated[int, Field(ge=8)] = 220

    @property
    def settings(self) -> dict[str, Any]:
        """What the passages depend on, for manifests and hashes."""
        return {"kind": "heading", "max_tokens": self.max_tokens}

    def chunk(self, texts: Sequence[str], count_tokens: TokenCounter) -> list[list[Chunk]]:
        """Cut each text; blank ones give no chunk."""
        spans = pack(
            texts,
            [_paragraphs(text) for text in texts],
            count_tokens,
            divide=_sentences_or_halves,
            max_tokens=self.max_tokens,
        )
        return chunks_of(texts, spans)


def _paragraphs(text: str) -> list[Span]:
    spans: list[Span] = []
    start = 0
    for end, following in [*(m.span() for m in _BLANK_LINE.finditer(text)), (len(text), 0)]:
        piece = text[start:end]
        if piece.strip():
            left = len(piece) - len(piece.lstrip())
            spans.append((start + left, start + len(piece.rstrip())))
        start = following
    return spans


def _sentences_or_halves(text: str, start: int, end: int) -> list[Span]:
    sentences = sentence_spans(text[start:end])
    if len(sentences) < 2:
        return halves(text, start, end)
    return [(start + left, start + right) for left, right in sentences]
