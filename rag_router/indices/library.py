"""All indices of a home folder: adding to them, opening, checking and removing them."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from rag_router.errors import IndexCorruptError, SettingsError
from rag_router.indices.addition import add_documents, check_encoder, check_searched
from rag_router.indices.backed_up import note_backup
from rag_router.indices.backup import back_up, restore
from rag_router.indices.chunkers import chunker_for
from rag_router.indices.chunking import Chunker
from rag_router.indices.cleanup import Cleanup, left_behind
from rag_router.indices.contents import StoredDocument
from rag_router.indices.documents import Document
from rag_router.indices.index import Index
from rag_router.indices.manifest import Manifest
from rag_router.indices.pairs import Pair, WholeChunker, documents_of
from rag_router.indices.readers import read_paths
from rag_router.indices.removal import compact_index, erase_documents
from rag_router.indices.reports import AddReport, Erasure, OnProgress, Progress
from rag_router.indices.scenarios import (
    back_up_scenarios,
    forget_scenarios,
    restore_scenarios,
    roll_back_scenarios,
)
from rag_router.indices.shelves import Shelves
from rag_router.indices.vectors import Sizes
from rag_router.settings import DocumentSettings

if TYPE_CHECKING:
    from rag_router.indices.publish import Shelf
    from rag_router.models.base import Embedder

__all__ = ["Library"]


class Library(Shelves):
    """The indices below `<home>/indices`.

    Reading never waits: a reader keeps the generation it opened. Writers of one index wait for
    each other.

    Args:
        home: The data folder; need not exist.
        lock_timeout_s: How long a writer waits for another one.
        sizes: From how many vectors on they are searched by which kind of faiss index.
    """

    def __init__(
        self, home: Path, *, lock_timeout_s: float = 10.0, sizes: Sizes | None = None
    ) -> None:
        super().__init__(home, lock_timeout_s=lock_timeout_s)
        self._sizes = sizes or Sizes()

    def add(
        self,
        name: str,
        paths: Sequence[Path],
        embedder: Embedder,
        chunker: Chunker | None = None,
        on_progress: OnProgress = lambda progress: None,
        *,
        keep_going: bool = False,
        limits: DocumentSettings | None = None,
        cleanup: Cleanup = "incremental",
    ) -> AddReport:
        """Index files and folders, in a new index or in one that is there.

        All or nothing: readers see the old generation until the new one is whole, and a
        broken file leaves no trace. Documents are told apart by id and content hash; what has
        not changed keeps its vectors, and when nothing has, no generation is written. An
        addition that was killed goes on where it stopped when it is started again.

        Args:
            name: The index.
            paths: Files and folders.
            embedder: What embeds the passages.
            chunker: What cuts them; None is the one the index was last built with, or the usual.
            on_progress: Told how far the addition has come.
            keep_going: Whether broken files are reported and left out instead of being errors.
            limits: What is refused of files; None is the default.
            cleanup: What is taken away: "incremental" takes old versions of what is given,
                "scoped" also what came from these paths and is not there any more, "full"
                everything that is not given.

        Raises:
            DocumentError: something cannot be read.
            SettingsError: the name is impossible, or the chunks are too long for the embedder.
            IndexUnavailableError: the index was built with another embedder, or is corrupt.
            BusyError: another writer holds the index.
        """
        shelf = self.shelf(name)
        before = _chunker_of(shelf)
        chunker = chunker_for(embedder, chunker, before)
        on_progress(Progress("read", 0, len(paths)))
        documents, skipped = read_paths(paths, keep_going=keep_going, limits=limits)
        on_progress(Progress("read", len(paths), len(paths)))
        with self.writing(name):
            addition = add_documents(
                shelf,
                documents,
                embedder,
                chunker,
                on_progress,
                goes=lambda stored: left_behind(stored, documents, paths, skipped, cleanup),
                sizes=self._sizes,
            )
        return addition.report(skipped)

    def put(
        self,
        name: str,
        documents: Sequence[Document],
        embedder: Embedder,
        on_progress: OnProgress = lambda progress: None,
        *,
        leaving: Collection[str] = (),
        uploaded: bool = False,
    ) -> AddReport:
        """Index documents that were read already, and let others go in the same generation.

        Like `add` in everything else; the chunker is the one that the index was last built with.

        Args:
            name: The index, which is made where it is not there.
            documents: What is added, or takes the place of what goes by the same id.
            embedder: What embeds the passages.
            on_progress: Told how far the addition has come.
            leaving: Ids of documents that go; one that is not there is gone already.
            uploaded: Whether they came over the API: the index says so from then on.

        Raises:
            SettingsError: the name is impossible, or the chunks are too long for the embedder.
            IndexUnavailableError: the index was built with another embedder, or is corrupt.
            BusyError: another writer holds the index.
        """
        shelf = self.shelf(name)
        before = _chunker_of(shelf)
        gone = frozenset(leaving)
        with self.writing(name):
            addition = add_documents(
                shelf,
                documents,
                embedder,
                chunker_for(embedder, None, before),
                on_progress,
                goes=lambda stored: gone & {document.id for document in stored},
                uploaded=uploaded,
                sizes=self._sizes,
            )
        return addition.report()

    def remember(
        self,
        name: str,
        pairs: Sequence[Pair],
        embedder: Embedder,
        on_progress: OnProgress = lambda progress: None,
        *,
        alone: bool = False,
    ) -> AddReport:
        """Put questions with their answers into a memory, which is made when it is not there.

        Pairs are told apart by id; one that is there takes the new answers. Only the questions
        are embedded and searched.

        Args:
            name: The memory.
            pairs: What it shall know.
            embedder: What embeds the questions.
            on_progress: Told how far it has come.
            alone: Whether all other pairs go.

        Raises:
            DocumentError: a pair has no question or answer, or two of one id differ.
            SettingsError: the name is impossible.
            IndexUnavailableError: the index holds documents, was built with another embedder, or
                is corrupt.
            BusyError: another writer holds the index.
        """
        shelf = self.shelf(name)
        documents = documents_of(pairs)
        given = {document.id for document in documents}
        with self.writing(name):
            addition = add_documents(
                shelf,
                documents,
                embedder,
                WholeChunker(),
                on_progress,
                goes=lambda stored: frozenset({d.id for d in stored} - given if alone else ()),
                searched="title",
                sizes=self._sizes,
            )
        return addition.report()

    def erase(
        self, name: str, ids: Sequence[str], on_progress: OnProgress = lambda progress: None
    ) -> Erasure:
        """Take documents out of an index, and leave nothing of them in its folder.

        All older generations go, so that nothing can be rolled back to what was erased; so do
        vectors that wait for an addition. Whoever has the index open keeps what it opened until
        it opens it again.

        Raises:
            UnknownNameError: there is no such index, or no such document; nothing is erased.
            IndexCorruptError: the index is not what was published.
            BusyError: another writer holds it.
        """
        shelf = self.published(name)
        # First what was made of the documents: killed in between, the command can be given again.
        forget_scenarios(self, name, ids)
        with self.writing(name):
            manifest, passages = erase_documents(shelf, ids, self._sizes, on_progress)
        return Erasure(
            documents=tuple(dict.fromkeys(ids)),
            passages=tuple(passages),
            generation=manifest.generation,
        )

    def compact(self, name: str, on_progress: OnProgress = lambda progress: None) -> Manifest:
        """Write an index anew, in the newest format and as small as it can be.

        Vectors that were removed from a graph go, and so do all older generations.

        Raises:
            UnknownNameError: there is no such index.
            IndexCorruptError: it is not what was published.
            BusyError: another writer holds it.
        """
        shelf = self.published(name)
        with self.writing(name):
            return compact_index(shelf, self._sizes, on_progress)

    def backup(self, name: str, folder: Path) -> Manifest:
        """Copy the current generation of an index into a folder that is laid out as a home.

        The questions that its passages answer, where it has some, go with it.

        Raises:
            UnknownNameError: there is no such index.
            SettingsError: the folder is the home of the index.
            IndexCorruptError: it is not what was published.
            UnavailableError: the folder cannot be written.
        """
        shelf = self.published(name)
        if (folder / "indices").resolve() == self.folder.resolve():
            raise SettingsError(
                f"{folder} is where the index itself lies.", hint="Name another folder."
            )
        # The lock keeps writers from throwing the generation away while it is copied.
        with self.writing(name), Library(folder).writing(name):
            manifest = back_up(shelf, folder)
        back_up_scenarios(self, name, Library(folder))
        note_backup(self.home, folder)
        return manifest

    def restore(self, name: str, folder: Path) -> Manifest:
        """Publish the backup of an index as its newest generation.

        So are the questions that its passages answer, where they were backed up.

        Raises:
            IndexUnavailableError: there is no such backup, or it is not what was published.
            BusyError: another writer holds the index.
        """
        shelf = self.shelf(name)
        with self.writing(name):
            manifest = restore(folder, shelf)
        restore_scenarios(self, name, Library(folder))
        return manifest

    def open(self, name: str, embedder: Embedder | None = None) -> Index:
        """Open the current generation, after comparing all its files with the manifest.

        Args:
            name: The index.
            embedder: What questions will be embedded with; None does not check.

        Raises:
            UnknownNameError: there is no such index.
            IndexUnavailableError: it was built with another embedder.
            IndexCorruptError: a file is not what was published; names it.
        """
        shelf = self.published(name)
        while True:
            number = shelf.current()
            try:
                manifest = shelf.check(number or 0)
                if embedder is not None:
                    check_encoder(manifest, embedder)
                return Index.open(shelf.generation(manifest.generation), manifest)
            except IndexCorruptError:
                # Writers may have published twice meanwhile, and thrown this generation away.
                if shelf.current() == number:
                    raise

    def verify(self, name: str) -> Manifest:
        """Compare every file with the manifest, and read everything once.

        Raises:
            UnknownNameError: there is no such index.
            IndexCorruptError: something is not what was published; names it.
        """
        index = self.open(name)
        try:
            index.check_contents()
            return index.manifest
        finally:
            index.close()

    def documents(self, name: str) -> list[StoredDocument]:
        """Return all documents of an index with their passages."""
        index = self.open(name)
        try:
            return index.documents()
        finally:
            index.close()

    def rollback(self, name: str) -> Manifest:
        """Go back to the newest whole generation before the current one.

        The questions that its passages answer go back, too, where those before fit better.

        Raises:
            UnknownNameError: there is no such index.
            IndexUnavailableError: there is no older generation that is whole.
        """
        shelf = self.published(name)
        with self.writing(name):
            manifest = shelf.roll_back()
        roll_back_scenarios(self, name)
        return manifest

    def remove(self, name: str) -> None:
        """Delete an index with all its generations.

        Raises:
            UnknownNameError: there is no such index.
        """
        shelf = self.shelf(name)
        if not shelf.folder.is_dir():
            # One that was killed while it removed may have left something.
            self.sweep_removed(name)
            raise self.unknown(name)
        forget_scenarios(self, name)
        with self.writing(name):
            # First out of sight, so that a killed removal leaves no half of an index.
            shelf.folder.rename(self.folder / f".removed-{name}-{uuid4().hex}")
            self.sweep_removed(name)

    def sweep_removed(self, name: str) -> None:
        """Throw away what a removal has left that was killed."""
        for leftover in self.folder.glob(f".removed-{name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)


def _chunker_of(shelf: Shelf) -> dict[str, Any] | None:
    """Return how passages were cut last; None where nothing is published yet.

    Raises:
        IndexUnavailableError: the index holds questions with answers.
    """
    if not shelf.is_published:
        return None
    manifest = shelf.manifest(shelf.current() or 0)
    check_searched(manifest, "text")
    return manifest.chunker
