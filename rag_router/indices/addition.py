"""One addition to an index, under the writer's lock: from documents to a published generation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag_router.errors import IndexUnavailableError
from rag_router.indices.chunking import SentenceChunker
from rag_router.indices.contents import StoredDocument, write_contents
from rag_router.indices.documents import Document
from rag_router.indices.encoding import encode_resumably
from rag_router.indices.index import Index
from rag_router.indices.manifest import PASSAGES, VECTORS, Contents, EncoderCard, Manifest
from rag_router.indices.plan import Plan, cut, make_plan
from rag_router.indices.publish import Shelf
from rag_router.indices.reports import OnProgress, Progress, Stage
from rag_router.indices.vectors import write_vectors

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["Addition", "add_documents", "check_encoder"]

_STEPS = ("write", "manifest", "rename", "point", "sweep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What was planned, what is published now, and how many texts the embedder read."""

    plan: Plan
    manifest: Manifest
    encoded: int


def add_documents(
    shelf: Shelf,
    documents: Sequence[Document],
    embedder: Embedder,
    chunker: SentenceChunker,
    on_progress: OnProgress,
) -> Addition:
    """Publish a generation that holds these documents and all others of the one before.

    Raises:
        IndexUnavailableError: the index was built with another embedder, or is corrupt.
    """
    stored, stored_vectors = _previous(shelf, embedder)
    plan = make_plan(documents, {d.id: d.content_hash for d in stored}, chunker)
    current = shelf.current()
    if current is not None and not plan.changes:
        shelf.sweep()
        return Addition(plan=plan, manifest=shelf.manifest(current), encoded=0)

    fresh = cut(plan.changes, chunker, embedder.count_tokens, _told(on_progress, "cut"))
    texts = [passage.searchable for document in fresh for passage in document.passages]
    fresh_vectors, encoded = encode_resumably(
        texts, embedder, shelf.encoding, _told(on_progress, "encode")
    )
    replaced = {document.id for document in plan.replaced}
    stays = [document.id not in replaced for document in stored]
    rows = np.repeat(stays, [len(document.passages) for document in stored])
    everything = [d for d, stay in zip(stored, stays, strict=True) if stay] + fresh
    vectors = np.concatenate([stored_vectors[rows.astype(bool)], fresh_vectors])

    def write(folder: Path) -> None:
        write_contents(folder / PASSAGES, everything)
        on_progress(Progress("write", 1, 2))
        write_vectors(folder / VECTORS, vectors)
        on_progress(Progress("write", 2, 2))

    contents = Contents(
        documents=len(everything),
        passages=len(vectors),
        dimension=embedder.dimension,
        encoder=EncoderCard(name=embedder.name, fingerprint=embedder.fingerprint),
        chunker=chunker.settings,
    )

    def on_step(step: str) -> None:
        on_progress(Progress("publish", _STEPS.index(step), len(_STEPS)))

    manifest = shelf.publish(contents, write, on_step)
    on_progress(Progress("publish", len(_STEPS), len(_STEPS)))
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


def _previous(shelf: Shelf, embedder: Embedder) -> tuple[list[StoredDocument], NDArray[np.float32]]:
    """All documents and vectors of the current generation; none where nothing is published."""
    number = shelf.current()
    if number is None:
        return [], np.zeros((0, embedder.dimension), dtype=np.float32)
    manifest = shelf.check(number)
    check_encoder(manifest, embedder)
    index = Index.open(shelf.generation(number), manifest)
    try:
        return index.documents(), index.vectors_of(range(len(index)))
    finally:
        index.close()


def _told(on_progress: OnProgress, stage: Stage) -> Callable[[int, int], None]:
    return lambda done, total: on_progress(Progress(stage, done, total))
