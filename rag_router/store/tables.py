"""The tables of a published index: documents, and the passages they were cut into.

A passage's `row` is its row in the vector index of the same generation. Rows are numbered from
0 without gaps, and the passages of a document stand side by side.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = ["DocumentRecord", "IndexTables", "PassageRecord"]


class IndexTables(DeclarativeBase):
    """All tables of one generation of an index."""


class DocumentRecord(IndexTables):
    """One document, without its text: that stands in the passages."""

    __tablename__ = "documents"

    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    source: Mapped[str]
    content_hash: Mapped[str]
    meta: Mapped[dict[str, Any]] = mapped_column(JSON)


class PassageRecord(IndexTables):
    """One passage; `start` is its character offset in the document."""

    __tablename__ = "passages"

    id: Mapped[str] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id"), index=True)
    position: Mapped[int]
    start: Mapped[int]
    title: Mapped[str]
    text: Mapped[str]
    meta: Mapped[dict[str, Any]] = mapped_column(JSON)
    row: Mapped[int] = mapped_column(unique=True)
