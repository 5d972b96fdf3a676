"""Forgetting all outcomes: they may quote what was erased, and can be worked out again."""

from __future__ import annotations

from pathlib import Path

from rag_router.outcomes.database import Database

__all__ = ["forget_all"]


def forget_all(path: Path) -> int:
    """Empty the cache, and leave nothing of it in the file; return how many rows there were.

    Raises:
        UnavailableError: the file cannot be used.
    """
    if not path.exists():
        return 0
    database = Database(path)
    try:
        return database.empty()
    finally:
        database.close()
