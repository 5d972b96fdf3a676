"""Arrays that a gate has learned; see `rag_router.arrays`."""

from __future__ import annotations

from rag_router.arrays import Arrays

__all__ = ["Arrays"]
