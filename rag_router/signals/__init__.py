"""Facts about a question that gates, filters and routers may read."""

from rag_router.signals.base import (
    Board,
    Cost,
    Partner,
    Partners,
    Reading,
    Requirements,
    Signal,
    Signals,
    is_dear,
    requirements,
)
from rag_router.signals.closed_book import ClosedBook, ClosedBookPass
from rag_router.signals.closed_book_answer import ClosedBookAnswer

__all__ = [
    "Board",
    "ClosedBook",
    "ClosedBookAnswer",
    "ClosedBookPass",
    "Cost",
    "Partner",
    "Partners",
    "Reading",
    "Requirements",
    "Signal",
    "Signals",
    "is_dear",
    "requirements",
]
