"""One addition to an index, under the writer's lock: from documents to a published generation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import IndexUnavailableError
from rag_router.indices.chunking import Chunker
from rag_router.indices.contents import Searched, StoredDocument, searchable
from rag_router.indices.documents import Document, Skipped
from rag_router.indices.encoding import encode_resumably
from rag_router.indices.manifest import Contents, EncoderCard, Manifest
from rag_router.indices.plan import Plan, cut, make_plan
from rag_router.indices.publish import Shelf
from rag_router.indices.reports import AddReport, OnProgress, Progress, Stage
from rag_router.indices.revision import read_before, revise
from rag_router.indices.vectors import Sizes

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["Addition", "add_documents", "check_encoder", "check_searched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What was planned, what is published now, and how many texts the embedder read."""

    plan: Plan
    manifest: Manifest
    encoded: int

    def report(self, skipped: Sequence[Skipped] = ()) -> AddReport:
        """Tell what was done, and what was passed over before."""
        return AddReport(
            added=len(self.plan.added),
            replaced=len(self.plan.replaced),
            unchanged=self.plan.unchanged,
            removed=len(self.plan.removed),
            passages=self.manifest.passages,
            encoded=self.encoded,
            skipped=list(skipped),
            generation=self.manifest.generation,
        )


def add_documents(
    shelf: Shelf,
    documents: Sequence[Document],
    embedder: Embedder,
    chunker: Chunker,
    on_progress: OnProgress,
    *,
    goes: Callable[[Sequence[StoredDocument]], frozenset[str]] = lambda stored: frozenset(),
    searched: Searched = "text",
    uploaded: bool = False,
    sizes: Sizes,
) -> Addition:
    """Publish a generation that holds these documents and others of the one before.

    Args:
        shelf: The index, whose lock is held.
        documents: What is added, or takes the place of what goes by the same id.
        embedder: What embeds the passages.
        chunker: What cuts them.
        on_progress: Told how far it has come.
        goes: Says of the documents that are there which ones go, by id.
        searched: What passages are found by.
        uploaded: Whether the documents came over the API.
        sizes: Which kind of vectors at which size.

    Raises:
        IndexUnavailableError: the index was built with another embedder, is searched by something
            else, or is corrupt.
    """
    before = read_before(shelf)
    stored: list[StoredDocument] = []
    if before is not None:
        check_encoder(before.manifest, embedder)
        check_searched(before.manifest, searched)
        stored = before.documents
    plan = make_plan(documents, {d.id: d.content_hash for d in stored}, chunker)
    plan = replace(plan, removed=goes(stored))
    if before is not None and not plan.changes and not plan.removed:
        shelf.sweep()
        return Addition(plan=plan, manifest=before.manifest, encoded=0)

    fresh = cut(plan.changes, chunker, embedder.count_tokens, _told(on_progress, "cut"))
    fresh_vectors, encoded = _encode(fresh, searched, embedder, shelf, on_progress)
    gone = plan.removed | {document.id for document in plan.replaced}
    contents = Contents(
        dimension=embedder.dimension,
        encoder=EncoderCard(name=embedder.name, fingerprint=embedder.fingerprint),
        chunker=chunker.settings,
        searched=searched,
        uploaded=uploaded,
    )
    manifest = revise(
        shelf,
        before,
        contents,
        stays=[document.id not in gone for document in stored],
        fresh=fresh,
        fresh_vectors=fresh_vectors,
        sizes=sizes,
        on_progress=on_progress,
    )
    return Addition(plan=plan, manifest=manifest, encoded=encoded)


def check_encoder(manifest: Manifest, embedder: Embedder) -> None:
    """Refuse an embedder whose vectors are not of the index's space.

    Raises:
        IndexUnavailableError: the fingerprints differ; names both.
    """
    built, used = manifest.encoder, (embedder.name, embedder.fingerprint)
    if built.fingerprint != used[1]:
        raise IndexUnavailableError(
            f"index {manifest.name!r} was built with embedder {built.name!r} "
            f"({built.fingerprint[:12]}), but the one in use is {used[0]!r} ({used[1][:12]}).",
            hint=f"Use {built.name!r}, or build the index again: rag-router index remove "
            f"{manifest.name} --yes, then rag-router index add.",
        )


def check_searched(manifest: Manifest, searched: Searched) -> None:
    """Refuse to mix documents with questions and answers.

    Raises:
        IndexUnavailableError: the index is searched by something else.
    """
    kinds = {"text": "documents", "title": "questions with answers"}
    if manifest.searched != searched:
        raise IndexUnavailableError(
            f"index {manifest.name!r} holds {kinds[manifest.searched]}, "
            f"and cannot hold {kinds[searched]} as well.",
            hint="Put them into an index of their own.",
        )


def _encode(
    documents: Sequence[StoredDocument],
    searched: Searched,
    embedder: Embedder,
    shelf: Shelf,
    on_progress: OnProgress,
) -> tuple[NDArray[np.float32], int]:
    texts = [searchable(p.title, p.text, searched) for d in documents for p in d.passages]
    return encode_resumably(texts, embedder, shelf.encoding, _told(on_progress, "encode"))


def _told(on_progress: OnProgress, stage: Stage) -> Callable[[int, int], None]:
    return lambda done, total: on_progress(Progress(stage, done, total))
