"""Where indices of a home were backed up to, so that what is erased can be erased there, too.

The note is `backups.json` in the home. It holds folders and nothing of what stands in them.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock

from rag_router.errors import UnavailableError

__all__ = ["backups_of", "forget_backup", "note_backup"]

_NOTE: Final = "backups.json"


def note_backup(home: Path, folder: Path) -> None:
    """Note that something was backed up into a folder.

    Raises:
        UnavailableError: the note cannot be written.
    """
    with _held(home):
        there = _read(home)
        if (new := str(folder.resolve())) not in there:
            _write(home, [*there, new])


def backups_of(home: Path) -> list[Path]:
    """Return all folders that something was backed up into, those of backups of backups included.

    Raises:
        UnavailableError: the note cannot be read.
    """
    found: dict[Path, None] = {}
    left = [home.resolve()]
    while left:
        for name in _read(left.pop()):
            folder = Path(name)
            if folder not in found and folder != home.resolve():
                found[folder] = None
                left.append(folder)
    return list(found)


def forget_backup(home: Path, folder: Path) -> bool:
    """Forget a folder, as one that is not there any more; return whether it was known.

    Raises:
        UnavailableError: the note cannot be written.
    """
    with _held(home):
        there, gone = _read(home), str(folder.resolve())
        if gone not in there:
            return False
        _write(home, [one for one in there if one != gone])
        return True


def _read(home: Path) -> list[str]:
    try:
        said = json.loads((home / _NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as exc:
        raise _unreadable(home, exc) from exc
    if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
        raise _unreadable(home, ValueError("it holds something else than folders"))
    return said


def _write(home: Path, folders: list[str]) -> None:
    handle, temporary = tempfile.mkstemp(dir=home, prefix=".backups-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(folders, file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(home / _NOTE)
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextmanager
def _held(home: Path) -> Iterator[None]:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / ".backups.lock"):
            yield
    except OSError as exc:
        raise UnavailableError(
            f"{home / _NOTE} cannot be written: {exc}.", hint="See to free space and access."
        ) from exc


def _unreadable(home: Path, exc: Exception) -> UnavailableError:
    return UnavailableError(
        f"{home / _NOTE}, which says where backups are, cannot be read: {exc}.",
        hint='Write the folders of all backups into it, as a JSON list of texts, or "[]".',
    )
