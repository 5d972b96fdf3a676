"""Retrievers that settings name inside other retrievers, alone or in a table with options."""

from __future__ import annotations

from typing import Any

from rag_router.retrievers import RETRIEVERS

__all__ = ["built"]


def built(given: Any, **options: Any) -> Any:
    """Build a retriever from its name or table; what is a retriever already stays as it is.

    Args:
        given: From settings, which hold only names and tables, or from Python.
        options: What one that is given by name takes, where its table says nothing else.
    """
    if isinstance(given, str):
        return RETRIEVERS.build(given, **options)
    if isinstance(given, dict) and isinstance(given.get("name"), str):
        own = {key: value for key, value in given.items() if key != "name"}
        return RETRIEVERS.build(given["name"], **{**options, **own})
    return given
