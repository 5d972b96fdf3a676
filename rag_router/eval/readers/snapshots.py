"""Files as they were when they were read, so that nothing is kept under the key of another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import file_digest
from os import fstat, stat_result
from pathlib import Path

from rag_router.errors import DataError

__all__ = ["Snapshot", "snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a file was.

    Attributes:
        path: The file.
        size: In bytes.
        mtime_ns: When it was last written, in nanoseconds since 1970.
        sha256: Of its content as it lies on the disk, packed or not.
    """

    path: Path
    size: int
    mtime_ns: int
    sha256: str

    def verify(self) -> None:
        """Check that the file still holds what it held; read anew, whatever its time says.

        A file that was only touched is the same file.

        Raises:
            DataError: it holds something else, or is gone.
        """
        now = _take(self.path)
        if (now.size, now.sha256) != (self.size, self.sha256):
            raise DataError(
                f"{self.path} has changed since it was read: "
                f"{self.size} bytes of sha256 {self.sha256[:12]} then, "
                f"{now.size} bytes of sha256 {now.sha256[:12]} now.",
                hint="Run again, and leave the file alone until the end.",
            )


def snapshot(paths: Iterable[Path]) -> tuple[Snapshot, ...]:
    """Take down what files hold; a folder stands for all files in and below it.

    Raises:
        DataError: one cannot be read, or is written to in the meantime.
    """
    return tuple(_take(file) for path in paths for file in _files(path))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return [path]


def _take(path: Path) -> Snapshot:
    try:
        with path.open("rb") as file:
            before = fstat(file.fileno())
            digest = file_digest(file, "sha256").hexdigest()
            after = fstat(file.fileno())
    except OSError as exc:
        raise DataError(f"{path} cannot be read: {exc}.") from exc
    if _signs(before) != _signs(after):
        raise DataError(
            f"{path} is being written to.", hint="Wait until whoever writes it is done."
        )
    return Snapshot(path=path, size=after.st_size, mtime_ns=after.st_mtime_ns, sha256=digest)


def _signs(stat: stat_result) -> tuple[int, int]:
    return stat.st_size, stat.st_mtime_ns
