"""Where the indices of a home folder stand, and who may write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rag_router.errors import (
    BusyError,
    IndexUnavailableError,
    SettingsError,
    UnavailableError,
    UnknownNameError,
)
from rag_router.indices.manifest import Manifest
from rag_router.indices.publish import Shelf
from rag_router.indices.reports import IndexCard

__all__ = ["Shelves", "Stamp"]

Stamp = tuple[int, int] | None
"""What changes whenever something is published; None where nothing ever was."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Shelves:
    """The folders below `<home>/indices`, by the names of the indices.

    Args:
        home: The data folder; need not exist.
        lock_timeout_s: How long a writer waits for another one.
    """

    def __init__(self, home: Path, *, lock_timeout_s: float = 10.0) -> None:
        self.home = home
        self.folder = home / "indices"
        self._lock_timeout_s = lock_timeout_s

    def names(self) -> list[str]:
        """Names of all published indices, sorted."""
        if not self.folder.is_dir():
            return []
        found = (path.name for path in self.folder.iterdir() if _NAME.fullmatch(path.name))
        return sorted(name for name in found if self.shelf(name).is_published)

    def cards(self) -> list[IndexCard]:
        """One line about each index; a broken one says so and hides none of the others."""
        return [self._card(name) for name in self.names()]

    def manifest(self, name: str) -> Manifest:
        """Read what an index says about itself, without opening it.

        Raises:
            UnknownNameError: there is no such index.
            IndexCorruptError: the manifest is missing, truncated or edited.
        """
        shelf = self.published(name)
        return shelf.manifest(shelf.current() or 0)

    def stamp(self, name: str) -> Stamp:
        """Tell whether an index was published anew, by one look at its pointer."""
        return self.shelf(name).stamp

    def shelf(self, name: str) -> Shelf:
        """The folder of an index, which need not exist.

        Raises:
            SettingsError: no index can have that name.
        """
        if not _NAME.fullmatch(name):
            raise SettingsError(
                f"{name!r} cannot be the name of an index.",
                hint="A name has up to 64 of a-z, 0-9, '.', '_' and '-', and begins with a "
                "letter or digit.",
            )
        return Shelf(self.folder / name)

    def published(self, name: str) -> Shelf:
        """The folder of an index that is there.

        Raises:
            UnknownNameError: there is no such index.
        """
        shelf = self.shelf(name)
        if not shelf.is_published:
            raise self.unknown(name)
        return shelf

    def unknown(self, name: str) -> UnknownNameError:
        """The error for a name that no index has."""
        names = self.names()
        hint = "" if names else f"Make it: rag-router index add {name} PATH."
        return UnknownNameError("index", name, names, hint=hint)

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """Hold an index's lock, and turn errors of the file system into ours.

        Raises:
            BusyError: another writer holds it.
            UnavailableError: something cannot be written.
        """
        # Locks stand outside the index's folder, which may be removed, and are never deleted.
        locks = self.folder / ".locks"
        try:
            locks.mkdir(parents=True, exist_ok=True)
            with FileLock(locks / f"{name}.lock", timeout=self._lock_timeout_s):
                yield
        except Timeout as exc:
            raise BusyError(
                f"index {name!r} is being written by somebody else, for more than "
                f"{self._lock_timeout_s:g} s.",
                hint="Try again when that is done.",
            ) from exc
        except OSError as exc:
            raise UnavailableError(
                f"index {name!r} cannot be written: {exc}.",
                hint=f"See to free space and write access in {self.folder}.",
            ) from exc

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
