"""A set of questions written as JSON Lines: the file appears whole or not at all."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rag_router.errors import UsageError

__all__ = ["check_free", "write_rows"]


def check_free(path: Path, *, force: bool) -> None:
    """Refuse to overwrite a file, before any work is done.

    Raises:
        UsageError: something stands there, and `force` is not given or cannot help.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", hint="Name a file.")
    if path.exists() and not force:
        raise UsageError(f"{path} exists.", hint="Give --force to overwrite it, or another name.")


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]], *, force: bool = False) -> None:
    """Write rows as JSON Lines, compressed where the name ends with ".gz".

    The same rows make the same bytes, compressed or not.

    Raises:
        UsageError: something stands in the way, or the file cannot be written.
    """
    check_free(path, force=force)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    payload = lines.encode("utf-8", "surrogatepass")
    if path.suffix == ".gz":
        payload = gzip.compress(payload, mtime=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _publish(path, payload)
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc}.") from exc


def _publish(path: Path, payload: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name != "nt":  # which cannot open folders
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
