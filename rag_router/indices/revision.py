"""The next generation of an index: what stays of the one before, and what is new.

Additions, removals and compactions all end here, so that there is one way to publish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_router.indices.contents import Searched, StoredDocument, searchable, write_contents
from rag_router.indices.index import Index
from rag_router.indices.lexical import LexicalIndex
from rag_router.indices.manifest import PASSAGES, TERMS_FILE, Contents, Manifest
from rag_router.indices.postings import write_postings
from rag_router.indices.publish import Shelf
from rag_router.indices.reports import OnProgress, Progress
from rag_router.indices.terms import TERMS
from rag_router.indices.vectors import (
    Sizes,
    Vectors,
    build_vectors,
    extend_vectors,
    write_vectors,
)

__all__ = ["Before", "read_before", "revise"]

_STEPS = ("write", "manifest", "rename", "point", "sweep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The current generation as a writer reads it: everything, checked."""

    manifest: Manifest
    documents: list[StoredDocument]
    vectors: Vectors


def read_before(shelf: Shelf) -> Before | None:
    """Read the current generation; None where nothing is published.

    Raises:
        IndexCorruptError: it is not what was published.
    """
    number = shelf.current()
    if number is None:
        return None
    manifest = shelf.check(number)
    index = Index.open(shelf.generation(number), manifest)
    try:
        return Before(manifest=manifest, documents=index.documents(), vectors=index.vectors)
    finally:
        index.close()


def revise(
    shelf: Shelf,
    before: Before | None,
    contents: Contents,
    *,
    stays: Sequence[bool],
    fresh: Sequence[StoredDocument] = (),
    fresh_vectors: NDArray[np.float32] | None = None,
    sizes: Sizes,
    compact: bool = False,
    on_progress: OnProgress = lambda progress: None,
) -> Manifest:
    """Publish the documents that stay, followed by fresh ones.

    Args:
        shelf: The index, whose lock is held.
        before: Its current generation; used up.
        contents: What the manifest says; all that is counted here is filled in.
        stays: For each document of `before` whether it stays.
        fresh: Documents that are new.
        fresh_vectors: Of their passages, shape (passages, dimension).
        sizes: Which kind of vectors at which size.
        compact: Whether nothing of what goes may be left, dead slots and older generations
            included.
        on_progress: Told how far it has come.
    """
    new = fresh_vectors
    if new is None:
        new = np.zeros((0, contents.dimension), dtype=np.float32)
    if before is None:
        documents, vectors = list(fresh), build_vectors(new, sizes)
    else:
        documents = [d for d, stay in zip(before.documents, stays, strict=True) if stay]
        documents += fresh
        counts = [len(document.passages) for document in before.documents]
        rows = np.repeat(np.asarray(stays, dtype=bool), counts)
        if compact:
            kept = before.vectors.rows(np.flatnonzero(rows))
            vectors = build_vectors(np.concatenate([kept, new]), sizes)
        else:
            vectors = extend_vectors(before.vectors, rows, new, sizes)

    def write(folder: Path) -> tuple[str, ...]:
        write_contents(folder / PASSAGES, documents)
        on_progress(Progress("write", 1, 3))
        texts = _texts(documents, contents.searched)
        write_postings(folder / TERMS_FILE, LexicalIndex(texts).postings)
        on_progress(Progress("write", 2, 3))
        names = write_vectors(folder, vectors)
        on_progress(Progress("write", 3, 3))
        return (PASSAGES, TERMS_FILE, *names)

    counted = contents.model_copy(
        update={
            "documents": len(documents),
            "passages": sum(len(document.passages) for document in documents),
            "terms": TERMS,
            "vectors": vectors.card,
            "erasure": compact,
            # What was doubted once is not trusted for having been written anew.
            "uploaded": contents.uploaded or (before is not None and before.manifest.uploaded),
        }
    )

    def on_step(step: str) -> None:
        on_progress(Progress("publish", _STEPS.index(step), len(_STEPS)))

    manifest = shelf.publish(counted, write, on_step)
    on_progress(Progress("publish", len(_STEPS), len(_STEPS)))
    return manifest


def _texts(documents: Sequence[StoredDocument], searched: Searched) -> list[str]:
    return [
        searchable(passage.title, passage.text, searched)
        for document in documents
        for passage in document.passages
    ]
