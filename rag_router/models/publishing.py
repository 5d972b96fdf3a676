"""How a model appears in the store whole or not at all, whoever dies meanwhile.

One lock per model; the operating system frees it when its holder dies. Everything is made in a
temporary folder beside the published ones, synced, and renamed into place.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

__all__ = ["FETCHED", "locked", "publish", "set_aside", "sync"]

TEMPORARY: Final = ".tmp-"
FETCHED: Final = "fetched"
"""Folder inside a temporary folder whose contents are checked and used again after a crash."""


@contextmanager
def locked(root: Path, key: str, announce: Callable[[str], None]) -> Iterator[Path]:
    """Hold a model's lock; yields its temporary folder, which is gone afterwards.

    After a failure, what was fetched stays in it for the next try.

    Args:
        root: Folder of the store.
        key: Name of the model's folder in it.
        announce: Told when somebody else holds the lock, and that we wait.
    """
    locks = root / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    lock, scratch = FileLock(locks / f"{key}.lock"), root / f"{TEMPORARY}{key}"
    with ExitStack() as held:
        try:
            held.enter_context(lock.acquire(timeout=0))
        except Timeout:
            announce(f"Another process is busy with {key}; waiting for it.")
            held.enter_context(lock.acquire())
        _sweep(root, scratch)
        _clear(scratch)
        scratch.mkdir(exist_ok=True)
        try:
            yield scratch
        except BaseException:
            _clear(scratch)
            raise
        shutil.rmtree(scratch, ignore_errors=True)


def publish(built: Path, final: Path, scratch: Path) -> None:
    """Put a finished folder in its place by one rename; what stood there is set aside."""
    sync(built)
    set_aside(final, scratch)
    built.replace(final)
    _sync_folder(final.parent)


def set_aside(folder: Path, scratch: Path) -> None:
    """Take a published folder away in one step; it is deleted with `scratch`."""
    if folder.exists():
        folder.replace(scratch / "old")
        _sync_folder(folder.parent)


def sync(folder: Path) -> None:
    """Make sure that a folder survives a power cut, and that others may read it."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        if path.is_dir():
            _sync_folder(path)
        else:
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # which cannot open folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(root: Path, ours: Path) -> None:
    """Delete what dead processes left behind; a live one holds its lock."""
    for left in root.glob(f"{TEMPORARY}*"):
        lock = FileLock(root / ".locks" / f"{left.name.removeprefix(TEMPORARY)}.lock")
        if left != ours:
            with suppress(Timeout), lock.acquire(timeout=0):
                shutil.rmtree(left, ignore_errors=True)


def _clear(scratch: Path) -> None:
    """Throw away what was being made, but not what was fetched: it is checked and used again."""
    if scratch.is_dir():
        for left in scratch.iterdir():
            if left.name != FETCHED:
                shutil.rmtree(left, ignore_errors=True)
