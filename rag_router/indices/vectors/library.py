"""The library that searches: faiss, whose own stubs do not know all that it has."""

from __future__ import annotations

from typing import Any

__all__ = ["faiss_library"]


def faiss_library() -> Any:
    """Import faiss, which takes a moment, when it is first needed."""
    import faiss

    return faiss
