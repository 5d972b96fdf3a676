"""All indices of a home folder: adding to them, opening, checking and removing them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from filelock import FileLock, Timeout

from rag_router.errors import (
    BusyError,
    DocumentError,
    IndexCorruptError,
    IndexUnavailableError,
    SettingsError,
    UnavailableError,
    UnknownNameError,
)
from rag_router.indices.addition import Addition, add_documents, check_encoder, check_searched
from rag_router.indices.backup import back_up, restore
from rag_router.indices.chunkers import chunker_for
from rag_router.indices.chunking import Chunker
from rag_router.indices.cleanup import Cleanup, left_behind
from rag_router.indices.contents import StoredDocument
from rag_router.indices.documents import Document, Skipped
from rag_router.indices.index import Index
from rag_router.indices.manifest import Manifest
from rag_router.indices.pairs import Pair, WholeChunker, document_of
from rag_router.indices.publish import Shelf
from rag_router.indices.readers import read_paths
from rag_router.indices.removal import compact_index, erase_documents
from rag_router.indices.reports import AddReport, Erasure, IndexCard, OnProgress, Progress
from rag_router.indices.scenarios import forget_scenarios
from rag_router.indices.vectors import Sizes
from rag_router.settings import DocumentSettings

if TYPE_CHECKING:
    from rag_router.models.base import Embedder

__all__ = ["Library"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Library:
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
        self.folder = home / "indices"
        self._sizes = sizes or Sizes()
        self._lock_timeout_s = lock_timeout_s

    def names(self) -> list[str]:
        """Names of all published indices, sorted."""
        if not self.folder.is_dir():
            return []
        found = (path.name for path in self.folder.iterdir() if _NAME.fullmatch(path.name))
        return sorted(name for name in found if self._shelf(name).is_published)

    def cards(self) -> list[IndexCard]:
        """One line about each index; a broken one says so and hides none of the others."""
        return [self._card(name) for name in self.names()]

    def manifest(self, name: str) -> Manifest:
        """Read what an index says about itself, without opening it.

        Raises:
            UnknownNameError: there is no such index.
            IndexCorruptError: the manifest is missing, truncated or edited.
        """
        shelf = self._published(name)
        return shelf.manifest(shelf.current() or 0)

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
        shelf = self._shelf(name)
        before = None
        if shelf.is_published:
            manifest = shelf.manifest(shelf.current() or 0)
            check_searched(manifest, "text")
            before = manifest.chunker
        chunker = chunker_for(embedder, chunker, before)
        on_progress(Progress("read", 0, len(paths)))
        documents, skipped = read_paths(paths, keep_going=keep_going, limits=limits)
        on_progress(Progress("read", len(paths), len(paths)))
        with self._writing(shelf):
            addition = add_documents(
                shelf,
                documents,
                embedder,
                chunker,
                on_progress,
                goes=lambda stored: left_behind(stored, documents, paths, skipped, cleanup),
                sizes=self._sizes,
            )
        return _report(addition, skipped)

    def remember(
        self,
        name: str,
        pairs: Sequence[Pair],
        embedder: Embedder,
        on_progress: OnProgress = lambda progress: None,
    ) -> AddReport:
        """Put questions with their answers into a memory, which is made when it is not there.

        Pairs are told apart by id; one that is there takes the new answers. Only the questions
        are embedded and searched.

        Raises:
            DocumentError: a pair has no question or answer, or two of one id differ.
            SettingsError: the name is impossible.
            IndexUnavailableError: the index holds documents, was built with another embedder, or
                is corrupt.
            BusyError: another writer holds the index.
        """
        shelf = self._shelf(name)
        documents: dict[str, Document] = {}
        for pair in pairs:
            document = document_of(pair)
            before = documents.setdefault(document.id, document)
            if (before.title, before.meta) != (document.title, document.meta):
                raise DocumentError(
                    f"two pairs are called {document.id!r} and differ: {pair.source}.",
                    hint="Give each an id of its own.",
                )
        with self._writing(shelf):
            addition = add_documents(
                shelf,
                list(documents.values()),
                embedder,
                WholeChunker(),
                on_progress,
                searched="title",
                sizes=self._sizes,
            )
        return _report(addition, [])

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
        shelf = self._published(name)
        # First what was made of the documents: killed in between, the command can be given again.
        forget_scenarios(self, name, ids)
        with self._writing(shelf):
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
        shelf = self._published(name)
        with self._writing(shelf):
            return compact_index(shelf, self._sizes, on_progress)

    def backup(self, name: str, folder: Path) -> Manifest:
        """Copy the current generation of an index into a folder that is laid out as a home.

        Raises:
            UnknownNameError: there is no such index.
            SettingsError: the folder is the home of the index.
            IndexCorruptError: it is not what was published.
            UnavailableError: the folder cannot be written.
        """
        shelf = self._published(name)
        if (folder / "indices").resolve() == self.folder.resolve():
            raise SettingsError(
                f"{folder} is where the index itself lies.", hint="Name another folder."
            )
        # The lock keeps writers from throwing the generation away while it is copied.
        with self._writing(shelf), Library(folder)._writing(shelf):
            return back_up(shelf, folder)

    def restore(self, name: str, folder: Path) -> Manifest:
        """Publish the backup of an index as its newest generation.

        Raises:
            IndexUnavailableError: there is no such backup, or it is not what was published.
            BusyError: another writer holds the index.
        """
        shelf = self._shelf(name)
        with self._writing(shelf):
            return restore(folder, shelf)

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
        shelf = self._published(name)
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

        Raises:
            UnknownNameError: there is no such index.
            IndexUnavailableError: there is no older generation that is whole.
        """
        shelf = self._published(name)
        with self._writing(shelf):
            return shelf.roll_back()

    def remove(self, name: str) -> None:
        """Delete an index with all its generations.

        Raises:
            UnknownNameError: there is no such index.
        """
        shelf = self._shelf(name)
        if not shelf.folder.is_dir():
            raise self._unknown(name)
        forget_scenarios(self, name)
        with self._writing(shelf):
            # First out of sight, so that a killed removal leaves no half of an index.
            shelf.folder.rename(self.folder / f".removed-{name}-{uuid4().hex}")
            self._sweep_removed(name)

    def _shelf(self, name: str) -> Shelf:
        if not _NAME.fullmatch(name):
            raise SettingsError(
                f"{name!r} cannot be the name of an index.",
                hint="A name has up to 64 of a-z, 0-9, '.', '_' and '-', and begins with a "
                "letter or digit.",
            )
        return Shelf(self.folder / name)

    def _published(self, name: str) -> Shelf:
        shelf = self._shelf(name)
        if not shelf.is_published:
            raise self._unknown(name)
        return shelf

    def _unknown(self, name: str) -> UnknownNameError:
        names = self.names()
        hint = "" if names else f"Make it: rag-router index add {name} PATH."
        return UnknownNameError("index", name, names, hint=hint)

    def _card(self, name: str) -> IndexCard:
        try:
            manifest = self.manifest(name)
        except IndexUnavailableError as exc:
            return IndexCard(name=name, problem=str(exc))
        return IndexCard(
            name=name,
            generation=manifest.generation,
            documents=manifest.documents,
            passages=manifest.passages,
            dimension=manifest.dimension,
            encoder=manifest.encoder.name,
            created=manifest.created,
            vectors=manifest.vectors.kind,
            recall_at_10=manifest.vectors.recall_at_10,
            size_bytes=sum(record.size for record in manifest.files.values()),
        )

    @contextmanager
    def _writing(self, shelf: Shelf) -> Iterator[None]:
        """Hold the index's lock, and turn errors of the file system into ours."""
        # Locks stand outside the index's folder, which may be removed, and are never deleted.
        locks = self.folder / ".locks"
        try:
            locks.mkdir(parents=True, exist_ok=True)
            with FileLock(locks / f"{shelf.name}.lock", timeout=self._lock_timeout_s):
                yield
        except Timeout as exc:
            raise BusyError(
                f"index {shelf.name!r} is being written by somebody else, for more than "
                f"{self._lock_timeout_s:g} s.",
                hint="Try again when that is done.",
            ) from exc
        except OSError as exc:
            raise UnavailableError(
                f"index {shelf.name!r} cannot be written: {exc}.",
                hint=f"See to free space and write access in {self.folder}.",
            ) from exc

    def _sweep_removed(self, name: str) -> None:
        for leftover in self.folder.glob(f".removed-{name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)


def _report(addition: Addition, skipped: list[Skipped]) -> AddReport:
    return AddReport(
        added=len(addition.plan.added),
        replaced=len(addition.plan.replaced),
        unchanged=addition.plan.unchanged,
        removed=len(addition.plan.removed),
        passages=addition.manifest.passages,
        encoded=addition.encoded,
        skipped=skipped,
        generation=addition.manifest.generation,
    )
