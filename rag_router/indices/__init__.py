"""Documents that can be searched: read, cut, embedded, and published whole or not at all."""

from rag_router.indices.chunking import Chunk, SentenceChunker
from rag_router.indices.documents import Skipped
from rag_router.indices.index import Index
from rag_router.indices.lexical import TermHit
from rag_router.indices.library import Library
from rag_router.indices.manifest import Manifest
from rag_router.indices.reports import AddReport, IndexCard, Progress

__all__ = [
    "AddReport",
    "Chunk",
    "Index",
    "IndexCard",
    "Library",
    "Manifest",
    "Progress",
    "SentenceChunker",
    "Skipped",
    "TermHit",
]
