"""Generator experts: who answers?"""

from rag_router.experts.base import Answering, Expert
from rag_router.experts.card import Card

__all__ = ["Answering", "Card", "Expert"]
