"""Some documents into an index, in one generation; and one out of it again.

Both may be done twice: what is there already stays, and what is gone is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rag_router.errors import DocumentError, UnknownNameError
from rag_router.indices.documents import Document, Skipped
from rag_router.indices.library import Library
from rag_router.indices.readers import read_paths
from rag_router.settings import DocumentSettings
from rag_router.store.service_tables import JobRow

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["Reading", "put", "read_upload", "remove_index", "take_out"]

_NOTES: Final = 20
"""Most notes of one upload."""
_LONGEST_NOTE: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of one upload.

    Attributes:
        job: Whose file it was.
        documents: With what the uploader said of them.
        before: Ids of the documents that an older version of it put into the index.
        notes: What of it was left out, in words.
    """

    job: JobRow
    documents: Sequence[Document]
    before: Sequence[str]
    notes: Sequence[str] = ()

    @property
    def ids(self) -> list[str]:
        return [document.id for document in self.documents]

    @property
    def leaving(self) -> frozenset[str]:
        """Ids of documents that the new version does not have any more."""
        return frozenset(self.before) - frozenset(self.ids)


def read_upload(
    path: Path, job: JobRow, limits: DocumentSettings
) -> tuple[list[Document], list[str]]:
    """Read a file, and say of its documents what the uploader said.

    Returns:
        The documents, and in words what of the file was left out.

    Raises:
        DocumentError: it cannot be read; speaks of the file as the uploader calls it.
    """
    try:
        documents, skipped = read_paths([path], limits=limits)
    except DocumentError as exc:
        raise DocumentError(_named(exc.message, path), hint=_named(exc.hint, path)) from exc
    documents = [
        replace(
            document,
            source=document.source.replace(str(path), job.name),
            meta={**document.meta, **job.meta},
        )
        for document in documents
    ]
    return documents, [_told(one, path, job.name) for one in skipped[:_NOTES]]


def _told(one: Skipped, path: Path, name: str) -> str:
    """Say what was left out, and where in the file if it has several places."""
    place = one.place.replace(str(path), name)
    where = "" if place == name else f"{place}: "
    count = "" if one.count == 1 else f" ({one.count:,})"
    return f"{where}{one.reason.replace(str(path), name)}{count}"[:_LONGEST_NOTE]


def put(
    library: Library, index: str, readings: Sequence[Reading], embedder: Embedder
) -> dict[str, int]:
    """Publish what was read, and return how many passages each document of the index has.

    Raises:
        IndexUnavailableError: the index was built with another embedder, or is corrupt.
        BusyError: another writer holds it.
    """
    library.put(
        index,
        [document for reading in readings for document in reading.documents],
        embedder,
        leaving=frozenset().union(*(reading.leaving for reading in readings)),
        uploaded=True,
    )
    return {stored.id: len(stored.passages) for stored in library.documents(index)}


def take_out(library: Library, index: str, ids: Sequence[str]) -> None:
    """Erase documents so that nothing of them is left; an index without any is removed.

    Raises:
        IndexUnavailableError: the index is corrupt.
        BusyError: another writer holds it.
    """
    try:
        there = {stored.id for stored in library.documents(index)}
    except UnknownNameError:
        return
    gone = [id_ for id_ in ids if id_ in there]
    if there and len(gone) == len(there):
        library.remove(index)
    elif gone:
        library.erase(index, gone)


def remove_index(library: Library, index: str) -> None:
    """Remove an index with all its generations; one that is not there is removed.

    Raises:
        BusyError: another writer holds it.
    """
    with suppress(UnknownNameError):
        library.remove(index)


def _named(text: str, path: Path) -> str:
    return text.replace(str(path), path.name)
