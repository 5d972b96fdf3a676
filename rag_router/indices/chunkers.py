"""All chunkers by name, and which one an index uses when nobody says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rag_router.errors import SettingsError
from rag_router.indices.chunking import Chunker, SentenceChunker
from rag_router.registry import Registry

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["CHUNKERS", "chunker_for"]

CHUNKERS: Registry[Chunker] = Registry(
    "chunker",
    {
        "granular": "rag_router.indices.granularity:GranularChunker",
        "heading": "rag_router.indices.heading_chunker:HeadingChunker",
        "sentence": "rag_router.indices.chunking:SentenceChunker",
    },
)


def chunker_for(
    embedder: Embedder, chunker: Chunker | None = None, before: Mapping[str, Any] | None = None
) -> Chunker:
    """Return a chunker whose passages fit an embedder.

    Args:
        embedder: What will read the passages.
        chunker: Which was asked for; None takes that of the index, or else sentences.
        before: Settings of the chunker that the index was last built with, from its manifest.

    Raises:
        SettingsError: the passages are too long for the embedder.
    """
    if chunker is None and before:
        options = dict(before)
        chunker = CHUNKERS.build(options.pop("kind"), **options)
    if chunker is None:
        usual = SentenceChunker()
        chunker = replace(usual, max_tokens=min(usual.max_tokens, embedder.max_tokens))
    if chunker.max_tokens > embedder.max_tokens:
        raise SettingsError(
            f"passages of {chunker.max_tokens} tokens do not fit into {embedder.name!r}, "
            f"which reads {embedder.max_tokens}.",
            hint=f"Set max_tokens to {embedder.max_tokens} or less.",
        )
    return chunker
