"""Files to lines, rows and documents, plain or .gz."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from rag_router.errors import DataError
from rag_router.eval.readers.parsing import decode, parse_json
from rag_router.eval.readers.row import Row

__all__ = ["bare_name", "bare_suffix", "open_bytes", "read_document", "read_lines", "read_rows"]

LONGEST_LINE = 64 * 2**20
"""Bytes; a longer line is taken for something that is not made of lines."""


def read_rows(path: Path, layout: str) -> Iterator[Row]:
    """Yield the objects of a JSON Lines file; blank lines are passed over.

    Args:
        path: The file.
        layout: What a line looks like, for errors.

    Raises:
        DataError: the file cannot be read, or a line is not an object; names file and line.
    """
    for number, line in read_lines(path):
        value = parse_json(line, path, number, layout)
        yield Row.of(value, f"{path}:{number}", layout, number=number)


def read_document(path: Path, layout: str) -> Row:
    """Read a file that is one JSON object.

    Raises:
        DataError: the file cannot be read or is not one object.
    """
    with open_bytes(path) as file:
        text = decode(file.read(), str(path), first=True)
    return Row.of(parse_json(text, path, 1, layout), str(path), layout)


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""Yield (number from 1, text) of each line that is not blank, cut at `\n` or `\r\n` alone.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or has a line longer than 64 MiB.
    """
    with open_bytes(path) as file:
        number = 0
        while raw := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(raw) > LONGEST_LINE:
                raise DataError(f"{path}:{number}: the line is longer than 64 MiB.")
            # A form feed or U+2028 inside a text is no end of a line.
            text = decode(raw, f"{path}:{number}", first=number == 1)
            text = text.removesuffix("\n").removesuffix("\r")
            if text.strip():
                yield number, text


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a file, unpacked where its name ends in .gz.

    Raises:
        DataError: the file is missing, no file, or a damaged archive.
    """
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield cast("BinaryIO", file)
    except (OSError, EOFError, zlib.error) as exc:
        raise DataError(f"{path} cannot be read: {exc}.") from exc


def bare_suffix(path: Path) -> str:
    """The suffix below any .gz, in lower case: ".jsonl" of `dev.jsonl.gz`."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return suffixes[-1] if suffixes else ""


def bare_name(path: Path) -> str:
    """The name without its suffix and any .gz, so that a packed file names its rows alike."""
    name = path.name[:-3] if path.suffix.lower() == ".gz" else path.name
    return name.removesuffix(Path(name).suffix)
