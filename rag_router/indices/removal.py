"""Taking documents out of an index so that nothing of them is left, and compacting it.

A generation is written anew from what stays, and says that it erases: nothing older is kept then,
can be rolled back to, or survives the next look of a writer, should this one die on the way.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag_router.errors import IndexUnavailableError, UnknownNameError
from rag_router.indices.manifest import Contents, Manifest
from rag_router.indices.publish import Shelf
from rag_router.indices.reports import OnProgress
from rag_router.indices.revision import Before, read_before, revise
from rag_router.indices.vectors import Sizes

__all__ = ["compact_index", "erase_documents"]


def erase_documents(
    shelf: Shelf, ids: Sequence[str], sizes: Sizes, on_progress: OnProgress
) -> tuple[Manifest, list[str]]:
    """Publish what is left without some documents, and throw away everything older.

    Returns:
        The manifest, and the ids of the passages that are gone.

    Raises:
        UnknownNameError: there is no document of that name; nothing is erased then.
        IndexCorruptError: the index is not what was published.
    """
    before = _read(shelf)
    there = {document.id for document in before.documents}
    for id_ in ids:
        if id_ not in there:
            raise UnknownNameError("document", id_, there)
    gone = set(ids)
    passages = [
        f"{document.id}#{position}"
        for document in before.documents
        if document.id in gone
        for position in range(len(document.passages))
    ]
    stays = [document.id not in gone for document in before.documents]
    return _rewrite(shelf, before, stays, sizes, on_progress), passages


def compact_index(shelf: Shelf, sizes: Sizes, on_progress: OnProgress) -> Manifest:
    """Publish the same documents in the newest format, without dead slots or older generations.

    Raises:
        IndexCorruptError: the index is not what was published.
    """
    before = _read(shelf)
    return _rewrite(shelf, before, [True] * len(before.documents), sizes, on_progress)


def _read(shelf: Shelf) -> Before:
    before = read_before(shelf)
    if before is None:
        raise IndexUnavailableError(f"index {shelf.name!r} has never been published.")
    return before


def _rewrite(
    shelf: Shelf, before: Before, stays: Sequence[bool], sizes: Sizes, on_progress: OnProgress
) -> Manifest:
    kept = {name: getattr(before.manifest, name) for name in Contents.model_fields}
    return revise(
        shelf,
        before,
        Contents(**kept),
        stays=stays,
        sizes=sizes,
        compact=True,
        on_progress=on_progress,
    )
