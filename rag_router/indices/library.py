"""All indices of a home folder: adding to them, opening, checking and removing them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from filelock import FileLock, Timeout

from rag_router.errors import (
    BusyError,
    IndexCorruptError,
    IndexUnavailableError,
    SettingsError,
    UnavailableError,
    UnknownNameError,
)
from rag_router.indices.addition import add_documents, check_encoder
from rag_router.indices.chunking import SentenceChunker
from rag_router.indices.contents import StoredDocument
from rag_router.indices.index import Index
from rag_router.indices.manifest import Manifest
from rag_router.indices.publish import Shelf
from rag_router.indices.readers import read_paths
from rag_router.indices.reports import AddReport, IndexCard, OnProgress, Progress

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
    """

    def __init__(self, home: Path, *, lock_timeout_s: float = 10.0) -> None:
        self.folder = home / "indices"
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
        chunker: SentenceChunker | None = None,
        on_progress: OnProgress = lambda progress: None,
    ) -> AddReport:
        """Index files and folders, in a new index or in one that is there.

        All or nothing: readers see the old generation until the new one is whole, and a
        broken file leaves no trace. Documents are told apart by id and content hash; what has
        not changed keeps its vectors, and when nothing has, no generation is written. An
        addition that was killed goes on where it stopped when it is started again.

        Raises:
            DocumentError: something cannot be read.
            SettingsError: the name is impossible, or the chunks are too long for the embedder.
            IndexUnavailableError: the index was built with another embedder, or is corrupt.
            BusyError: another writer holds the index.
        """
        shelf = self._shelf(name)
        if chunker is None:
            usual = SentenceChunker()
            chunker = replace(usual, max_tokens=min(usual.max_tokens, embedder.max_tokens))
        if chunker.max_tokens > embedder.max_tokens:
            raise SettingsError(
                f"passages of {chunker.max_tokens} tokens do not fit into {embedder.name!r}, "
                f"which reads {embedder.max_tokens}.",
                hint=f"Set max_tokens to {embedder.max_tokens} or less.",
            )
        on_progress(Progress("read", 0, len(paths)))
        documents, skipped = read_paths(paths)
        on_progress(Progress("read", len(paths), len(paths)))
        with self._writing(shelf):
            addition = add_documents(shelf, documents, embedder, chunker, on_progress)
        return AddReport(
            added=len(addition.plan.added),
            replaced=len(addition.plan.replaced),
            unchanged=addition.plan.unchanged,
            passages=addition.manifest.passages,
            encoded=addition.encoded,
            skipped=skipped,
            generation=addition.manifest.generation,
        )

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
