"""Documents that can be searched: read, cut, embedded, and published whole or not at all."""

from rag_router.indices.chunkers import CHUNKERS
from rag_router.indices.chunking import Chunk, Chunker, SentenceChunker
from rag_router.indices.documents import Skipped
from rag_router.indices.following import Following
from rag_router.indices.index import Index
from rag_router.indices.lexical import TermHit
from rag_router.indices.library import Library
from rag_router.indices.manifest import Manifest
from rag_router.indices.pairs import Pair
from rag_router.indices.qa_memory import QaMemory, Thresholds
from rag_router.indices.reports import AddReport, Erasure, IndexCard, Progress
from rag_router.indices.vectors import Sizes
from rag_router.indices.where import Where

__all__ = [
    "CHUNKERS",
    "AddReport",
    "Chunk",
    "Chunker",
    "Erasure",
    "Following",
    "Index",
    "IndexCard",
    "Library",
    "Manifest",
    "Pair",
    "Progress",
    "QaMemory",
    "SentenceChunker",
    "Sizes",
    "Skipped",
    "TermHit",
    "Thresholds",
    "Where",
]
