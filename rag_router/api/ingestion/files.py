"""Uploaded files until they are indexed: on the disk before anybody is told that they arrived.

<home>/uploads/.new-*/NAME      being received; swept when the service starts
<home>/uploads/JOB/NAME         acknowledged, and kept until that job has ended
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from rag_router.errors import DocumentError, TooLargeError, UnavailableError, UnknownKindError
from rag_router.indices.walking import KINDS, kind_of

__all__ = ["Incoming", "UploadFolder", "check_name"]

_NEW: Final = ".new-"
_LONGEST: Final = 200
"""Bytes of a name; file systems take 255, and writers beside it need some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A file that has arrived whole, and that nobody has acknowledged yet."""

    path: Path
    bytes: int
    sha256: str


class UploadFolder:
    """The folder of files that wait.

    Args:
        folder: Made where it is not there.
        most_mb: Of one file, in MiB.
    """

    def __init__(self, folder: Path, *, most_mb: int) -> None:
        self.folder = folder
        self._most = most_mb * 2**20

    def lock_path(self) -> Path:
        """The file that whoever works on uploads has locked; its folder is made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / ".worker.lock"

    def receive(
        self, name: str, pieces: Iterable[bytes], *, most_mb: int | None = None
    ) -> Incoming:
        """Write a file as it comes in, and wait until it is on the disk.

        Args:
            name: What it is called.
            pieces: Of it, in order.
            most_mb: Of this one, in MiB, where that is less than of any.

        Raises:
            DocumentError: the name is impossible, or the file is empty.
            UnknownKindError: files of that kind are not read.
            TooLargeError: it is larger than allowed.
            UnavailableError: it cannot be written.
        """
        check_name(name)
        whole = False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            place = Path(tempfile.mkdtemp(dir=self.folder, prefix=_NEW))
        except OSError as exc:
            raise self._unwritable(exc) from exc
        try:
            most = self._most if most_mb is None else min(self._most, most_mb * 2**20)
            incoming = self._written(place / name, pieces, most)
            _flush(place)
            whole = True
        except OSError as exc:
            raise self._unwritable(exc) from exc
        finally:
            if not whole:
                shutil.rmtree(place, ignore_errors=True)
        return incoming

    def keep(self, incoming: Incoming, job: str) -> None:
        """Put a file where the job will look for it; it survives whatever comes now.

        Raises:
            UnavailableError: it cannot be written.
        """
        try:
            incoming.path.parent.rename(self.folder / job)
            _flush(self.folder)
        except OSError as exc:
            raise self._unwritable(exc) from exc

    def drop(self, incoming: Incoming) -> None:
        """Throw away a file that was not acknowledged; one that was kept stays."""
        shutil.rmtree(incoming.path.parent, ignore_errors=True)

    def of(self, job: str, name: str) -> Path:
        """Where the file of a job is."""
        return self.folder / job / name

    def forget(self, job: str) -> None:
        """Throw away the file of a job that has ended."""
        shutil.rmtree(self.folder / job, ignore_errors=True)

    def sweep(self, jobs: Collection[str], *, older_than: float) -> None:
        """Throw away what belongs to no job and nobody is still sending.

        Args:
            jobs: Ids of those that have not ended.
            older_than: Seconds since 1970; what changed later may be on its way.
        """
        if not self.folder.is_dir():
            return
        for place in self.folder.iterdir():
            try:
                stays = place.name in jobs or place.stat().st_mtime >= older_than
            except OSError:
                continue
            if place.is_dir() and not stays:
                shutil.rmtree(place, ignore_errors=True)

    def _written(self, path: Path, pieces: Iterable[bytes], most: int) -> Incoming:
        digest, size = sha256(), 0
        with path.open("wb") as file:
            for piece in pieces:
                size += len(piece)
                if size > most:
                    raise TooLargeError(
                        f"{path.name!r} is larger than {most // 2**20} MiB.",
                        hint="Split it, or have documents.file_mb set higher.",
                    )
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if not size:
            raise DocumentError(f"{path.name!r} is empty.", hint="Upload a file with text in it.")
        return Incoming(path=path, bytes=size, sha256=digest.hexdigest())

    def _unwritable(self, exc: OSError) -> UnavailableError:
        return UnavailableError(
            f"an upload cannot be kept: {exc.strerror or exc}.",
            hint=f"See to free space and write access in {self.folder}.",
        )


def check_name(name: str) -> None:
    """Make sure that a document's name can be the name of a file, and of no other file.

    Raises:
        DocumentError: it is empty, too long, hidden, leads elsewhere, or cannot be shown.
        UnknownKindError: files of that kind are not read.
    """
    shown = repr(name[:80])
    if not name or name.startswith(".") or "/" in name or "\\" in name or not name.isprintable():
        raise DocumentError(
            f"{shown} cannot be the name of a document.",
            hint="Give the plain name of a file, such as 'handbook.md': no folders, nothing "
            "hidden.",
        )
    if len(name.encode()) > _LONGEST:
        raise DocumentError(
            f"{shown}… is longer than {_LONGEST} bytes.", hint="Give a shorter name."
        )
    if not kind_of(Path(name)):
        raise UnknownKindError(
            f"{shown} is not a kind of file this reads.", hint=f"Kinds: {', '.join(KINDS)}."
        )


def _flush(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
