"""Text in passages that speaks to the model instead of the reader."""

from rag_router.filters.hostile.scanning import scan
from rag_router.filters.hostile.suspicion import Suspicion

__all__ = ["Suspicion", "scan"]
