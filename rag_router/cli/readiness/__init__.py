"""Everything that `serve` will need, looked at before it starts; nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from rag_router.cli.readiness.findings import Finding
from rag_router.cli.readiness.learned import learned
from rag_router.cli.readiness.listening import listening
from rag_router.cli.readiness.models import libraries, models
from rag_router.cli.readiness.storage import database, home, indexes
from rag_router.settings import Settings

__all__ = ["Finding", "readiness"]


def readiness(settings: Settings) -> Iterator[Finding]:
    """Look at everything, in the order in which a service would come upon it.

    Args:
        settings: Those of the service; names and options in them are known to be right.
    """
    yield from libraries(settings)
    yield from home(settings)
    yield from models(settings)
    yield from learned(settings)
    yield from indexes(settings)
    yield from database(settings)
    yield from listening(settings)
