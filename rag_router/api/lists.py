"""Lists as they are sent, page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

__all__ = ["Cursor", "Limit", "Listing", "at"]

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=200, description="Most entries of a page.")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next` of the page before; none begins.")
]


class Listing(BaseModel, Generic[T]):
    """A page of a list, newest first; `next` leads to the page behind, and is null on the last."""

    items: list[T]
    next: str | None = Field(None, examples=["ZG9jdW1lbnRzOjEy"])


def at(seconds: float) -> datetime:
    """Seconds since 1970 as they are shown."""
    return datetime.fromtimestamp(seconds, UTC)
