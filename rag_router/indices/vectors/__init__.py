"""The vectors of an index: flat, HNSW or IVF-PQ, chosen by how many there are."""

from rag_router.indices.vectors.base import Kind, VectorCard, Vectors
from rag_router.indices.vectors.choice import Sizes, build_vectors, extend_vectors
from rag_router.indices.vectors.files import ORIGINALS, SLOTS, VECTORS, read_vectors, write_vectors

__all__ = [
    "ORIGINALS",
    "SLOTS",
    "VECTORS",
    "Kind",
    "Sizes",
    "VectorCard",
    "Vectors",
    "build_vectors",
    "extend_vectors",
    "read_vectors",
    "write_vectors",
]
