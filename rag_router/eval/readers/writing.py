"""Lines to a file that appears whole or not at all."""

from __future__ import annotations

import gzip
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from rag_router.errors import DataError

__all__ = ["write_lines"]


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines as UTF-8, packed where the name ends in .gz, and put the file in place last.

    Until then a file of that name stays as it was, and so it does when `lines` raises.

    Raises:
        DataError: the file cannot be written, or a line holds half a character.
    """
    # Not `tempfile`, whose files nobody else may read.
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("xb") as file:
            if path.suffix.lower() == ".gz":
                # No name and no time inside, so that equal lines make equal files.
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                    packed.writelines(f"{line}\n".encode() for line in lines)
            else:
                file.writelines(f"{line}\n".encode() for line in lines)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except (OSError, UnicodeEncodeError) as exc:
        raise DataError(f"{path} cannot be written: {exc}.") from exc
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
