"""Generator experts: who answers?"""

from rag_router.experts.base import Expert

__all__ = ["Expert"]
