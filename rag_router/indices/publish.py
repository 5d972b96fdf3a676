"""Generations of an index: written beside the current one, and published by one rename.

    <index>/CURRENT                    the number of the generation that readers open
    <index>/generations/<N>/           passages.sqlite  terms.safetensors  vectors.faiss
                                       manifest.json, and what the kind of vectors needs
    <index>/generations/.new-*         a generation being written; a dead writer's is swept
    <index>/encoding/                  vectors that a killed addition had finished

All files and folders are flushed to the disk before CURRENT is replaced, so that it never names
a generation that is not whole. Writers hold a lock, which is the caller's business.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rag_router.errors import IndexCorruptError, IndexUnavailableError
from rag_router.indices.manifest import (
    Contents,
    Manifest,
    check_files,
    read_manifest,
    record_of,
    write_manifest,
)

__all__ = ["Shelf"]


class Shelf:
    """The folder of one index, with its generations.

    Args:
        folder: Named like the index; need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self._pointer = folder / "CURRENT"
        self._generations = folder / "generations"

    @property
    def is_published(self) -> bool:
        return self._pointer.is_file()

    @property
    def encoding(self) -> Path:
        """Where vectors wait for their generation."""
        return self.folder / "encoding"

    def current(self) -> int | None:
        """The generation that readers open; None when nothing was ever published.

        Raises:
            IndexCorruptError: the pointer is not a number.
        """
        try:
            text = self._pointer.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as exc:
            raise self._corrupt(f"{self._pointer} cannot be read: {exc}.") from exc
        if not text.isdigit():
            raise self._corrupt(f"{self._pointer} holds {text[:20]!r} instead of a number.")
        return int(text)

    @property
    def stamp(self) -> tuple[int, int] | None:
        """What is another whenever something else is published; None where nothing ever was."""
        try:
            pointer = self._pointer.stat()
        except OSError:
            return None
        # The pointer is never written in place, but always replaced.
        return pointer.st_mtime_ns, pointer.st_ino

    def stands(self, manifest: Manifest) -> bool:
        """Whether what was opened of this generation may still be shown.

        Not where it has been thrown away, nor where the current one erases something of it, or
        does not say whether it does: an erasure leaves nothing older.
        """
        try:
            current = self.current() or 0
            there = self.manifest(manifest.generation) == manifest
            return there and (current == manifest.generation or not self.manifest(current).erasure)
        except IndexUnavailableError:
            return False

    def generations(self) -> list[int]:
        """All generations that are there, in ascending order."""
        if not self._generations.is_dir():
            return []
        names = (path.name for path in self._generations.iterdir())
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())

    def generation(self, number: int) -> Path:
        """The folder of a generation."""
        return self._generations / str(number)

    def manifest(self, number: int) -> Manifest:
        """Read what a generation says about itself, and nothing else.

        Raises:
            IndexCorruptError: the manifest is missing, truncated or edited.
        """
        try:
            manifest = read_manifest(self.generation(number))
        except IndexCorruptError as exc:
            raise self._corrupt(exc.message) from exc
        if (manifest.name, manifest.generation) != (self.name, number):
            raise self._corrupt(
                f"{self.generation(number)} holds generation {manifest.generation} "
                f"of {manifest.name!r}."
            )
        return manifest

    def check(self, number: int) -> Manifest:
        """Read the manifest, and compare every file with it.

        Raises:
            IndexCorruptError: something is not what was published; names the file.
        """
        manifest = self.manifest(number)
        try:
            check_files(self.generation(number), manifest)
        except IndexCorruptError as exc:
            raise self._corrupt(exc.message) from exc
        return manifest

    def publish(
        self,
        contents: Contents,
        write: Callable[[Path], Sequence[str]],
        on_step: Callable[[str], None] = lambda step: None,
    ) -> Manifest:
        """Write a new generation and make it the current one; keep the one before.

        Where the new one says that it is an erasure, nothing older is kept.

        Args:
            contents: What it will hold.
            write: Writes files into the folder it is given, and returns their names.
            on_step: Told what is about to happen.

        Raises:
            IndexCorruptError: the pointer is broken.
        """
        before = self.current()
        number = max([0, before or 0, *self.generations()]) + 1
        self._generations.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=self._generations, prefix=".new-"))
        try:
            on_step("write")
            names = write(temporary)
            on_step("manifest")
            manifest = Manifest(
                **dict(contents),
                name=self.name,
                generation=number,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                files={name: record_of(temporary / name) for name in names},
            )
            write_manifest(temporary, manifest)
            temporary.chmod(0o755)
            for path in (*temporary.iterdir(), temporary):
                _flush(path)
            on_step("rename")
            temporary.rename(self.generation(number))
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        for folder in (self._generations, self.folder, self.folder.parent):
            _flush(folder)
        on_step("point")
        self._point_to(number)
        on_step("sweep")
        self._keep({number} if contents.erasure else {number, before})
        self.sweep()
        return manifest

    def roll_back(self) -> Manifest:
        """Make the newest whole generation before the current one current again.

        Raises:
            IndexUnavailableError: there is none.
        """
        try:
            current = self.current()
        except IndexCorruptError:
            current = None
        for number in reversed(self.generations()):
            if current is not None and (number >= current or self._erases(current)):
                continue
            try:
                manifest = self.check(number)
            except IndexUnavailableError:
                continue
            self._point_to(number)
            return manifest
        raise IndexUnavailableError(
            f"index {self.name!r} has no older generation to go back to.",
            hint=f"Build it again: {self._rebuild()}.",
        )

    def sweep(self) -> None:
        """Throw away what dead writers left, and generations older than the last but one.

        Of an erasure, all that is older goes: its writer may have died before it came to that.
        """
        for leftover in self._generations.glob(".new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.rmtree(self.encoding, ignore_errors=True)
        current = self.current()
        older = [number for number in self.generations() if current and number < current]
        gone = older if current is not None and self._erases(current) else older[:-1]
        self._keep(set(self.generations()) - set(gone))

    def _erases(self, number: int) -> bool:
        try:
            return self.manifest(number).erasure
        except IndexUnavailableError:
            return False

    def _keep(self, numbers: set[int] | set[int | None]) -> None:
        for number in self.generations():
            if number not in numbers:
                shutil.rmtree(self.generation(number), ignore_errors=True)

    def _point_to(self, number: int) -> None:
        fresh = self._pointer.with_name(".CURRENT.new")
        fresh.write_text(f"{number}\n", encoding="ascii")
        _flush(fresh)
        fresh.replace(self._pointer)
        _flush(self.folder)

    def _corrupt(self, message: str) -> IndexCorruptError:
        hint = f"Build it again: {self._rebuild()}"
        if len(self.generations()) > 1:
            hint += f"; or go back one generation: rag-router index rollback {self.name}"
        return IndexCorruptError(message, hint=f"{hint}.")

    def _rebuild(self) -> str:
        return (
            f"rag-router index remove {self.name} --yes, then rag-router index add {self.name} PATH"
        )


def _flush(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":  # Windows cannot open folders
        return
    # Windows flushes only what is open for writing.
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
