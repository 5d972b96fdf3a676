"""One process at a time works on an output; the next one is told who does."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rag_router.errors import BusyError, UsageError

__all__ = ["beside", "held"]


def beside(out: Path, what: str) -> Path:
    """Return the path of a file that belongs to an output."""
    return out.with_name(f"{out.name}.{what}")


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Hold an output for the block; the lock goes with the process, however that ends.

    Raises:
        BusyError: another process holds it; names that one.
        UsageError: its folder cannot be written.
    """
    lock, holder = beside(out, "lock"), beside(out, "holder")
    mine = FileLock(lock, timeout=0)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        mine.acquire()
        # Not in the lock itself, which whoever tries it empties.
        holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
    except Timeout as exc:
        raise BusyError(
            f"{out} is being written by {_who(holder)}.",
            hint="Let it finish, stop it, or name another output.",
        ) from exc
    except OSError as exc:
        mine.release()
        raise UsageError(
            f"{out} cannot be written: {exc.strerror}.", hint="Name an output in another folder."
        ) from exc
    try:
        yield
    finally:
        holder.unlink(missing_ok=True)
        mine.release()


def _who(holder: Path) -> str:
    try:
        said = json.loads(holder.read_text())
        return f"process {said['pid']} on {said['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
