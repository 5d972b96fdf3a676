"""What stands in a generation, as it goes into SQLite and comes out again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from rag_router.store.sessions import create_database, session
from rag_router.store.tables import DocumentRecord, IndexTables, PassageRecord

__all__ = [
    "Searched",
    "StoredDocument",
    "StoredPassage",
    "read_contents",
    "searchable",
    "write_contents",
]

Searched = Literal["text", "title"]
"""What passages are found by: title and text together, or the title alone."""

LONGEST_TITLE = 200
"""Characters of a title that are searched, so that it never crowds the text out."""


def searchable(title: str, text: str, searched: Searched = "text") -> str:
    """Return what embedders and lexical search see of a passage."""
    if searched == "title":
        return title
    title = title[:LONGEST_TITLE].strip()
    return f"{title}\n{text}" if title else text


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPassage:
    """A passage of a document.

    Attributes:
        start: Its character offset in the document.
        meta: What holds for this passage alone, such as its page.
    """

    title: str
    text: str
    start: int
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """A document and its passages in order.

    Attributes:
        content_hash: Of everything its passages depend on, the chunker's settings included.
    """

    id: str
    title: str
    source: str
    content_hash: str
    meta: Mapping[str, Any]
    passages: tuple[StoredPassage, ...]


def write_contents(path: Path, documents: Sequence[StoredDocument]) -> None:
    """Write documents into a new file; the passages' rows are numbered in their order.

    Raises:
        UnavailableError: the file cannot be written.
    """
    engine = create_database(path, IndexTables)
    try:
        with session(engine) as opened:
            for table, rows in (
                (DocumentRecord, [_document_row(d) for d in documents]),
                (PassageRecord, list(_passage_rows(documents))),
            ):
                if rows:
                    opened.execute(insert(table), rows)
    finally:
        engine.dispose()


def read_contents(opened: Session) -> list[StoredDocument]:
    """Read all documents back, in the order of their passages' rows."""
    passages: dict[str, list[StoredPassage]] = {}
    for row in opened.execute(
        select(
            PassageRecord.document_id,
            PassageRecord.title,
            PassageRecord.text,
            PassageRecord.start,
            PassageRecord.meta,
        ).order_by(PassageRecord.row)
    ):
        passage = StoredPassage(title=row.title, text=row.text, start=row.start, meta=row.meta)
        passages.setdefault(row.document_id, []).append(passage)
    records = {record.id: record for record in opened.scalars(select(DocumentRecord))}
    return [
        StoredDocument(
            id=id_,
            title=records[id_].title,
            source=records[id_].source,
            content_hash=records[id_].content_hash,
            meta=records[id_].meta,
            passages=tuple(of_document),
        )
        for id_, of_document in passages.items()
    ]


def _document_row(document: StoredDocument) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": document.title,
        "source": document.source,
        "content_hash": document.content_hash,
        "meta": dict(document.meta),
    }


def _passage_rows(documents: Sequence[StoredDocument]) -> Iterator[dict[str, Any]]:
    row = 0
    for document in documents:
        for position, passage in enumerate(document.passages):
            yield {
                # The last '#' ends the document's id, which may hold others: ids stay unique.
                "id": f"{document.id}#{position}",
                "document_id": document.id,
                "position": position,
                "start": passage.start,
                "title": passage.title,
                "text": passage.text,
                "meta": dict(passage.meta),
                "row": row,
            }
            row += 1
