"""Rows of input files: JSON Lines, tables of text and Parquet, plain or packed.

A line that cannot be read is told in its place and the next one is read: of a night's questions
one is lost, and not the night. Nothing but the row at hand is held in memory.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import IO, Any, Final, NoReturn, cast

from rag_router.errors import DataError, RagRouterError, UnknownKindError, UsageError
from rag_router.indices.encodings import decode_text
from rag_router.indices.utf8 import decode_utf8

__all__ = ["Read", "files_of", "read_rows"]

Read = tuple[str, str, Mapping[str, Any] | DataError]
"""Where a row stands, what it is called where it does not say, and the row or what is wrong."""

_LONGEST_LINE: Final = 64 * 2**20
_PARQUET_ROWS: Final = 1024


def files_of(names: Sequence[str]) -> list[Path]:
    """Return the files that names, globs and folders stand for, in order, each once.

    Raises:
        UsageError: one stands for no file.
    """
    found: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        some = [path]
        if path.is_dir():
            some = sorted(one for one in path.rglob("*") if one.is_file() and _reader(one))
        elif has_magic(name) and not path.exists():
            some = sorted(Path(one) for one in glob(name, recursive=True))  # noqa: PTH207 - may be absolute
        if not some or not all(one.is_file() for one in some):
            raise UsageError(
                f"there is no file {name!r} to read.",
                hint="Give .jsonl, .csv, .tsv, .txt or .parquet, plain or .gz; a folder or a glob.",
            )
        found |= dict.fromkeys(some)
    return list(found)


def read_rows(path: Path) -> Iterator[Read]:
    """Yield the rows of a file in order; blank lines are passed over.

    Raises:
        DataError: the file as a whole cannot be read.
        UnknownKindError: nothing here reads such a file.
    """
    reader = _reader(path)
    if reader is None:
        raise UnknownKindError(
            f"{path}: nothing here reads questions from {_suffix(path) or 'such'} files.",
            hint="Give .jsonl, .csv, .tsv, .txt or .parquet; all but the last also packed (.gz).",
        )
    try:
        yield from reader(path)
    except (OSError, EOFError, zlib.error) as exc:
        raise DataError(f"{path} cannot be read: {exc}.") from exc


def _reader(path: Path) -> Callable[[Path], Iterator[Read]] | None:
    readers: dict[str, Callable[[Path], Iterator[Read]]] = {
        ".csv": _table,
        ".json": _lines,
        ".jsonl": _lines,
        ".ndjson": _lines,
        ".parquet": _parquet,
        ".tsv": _table,
        ".txt": _texts,
    }
    return readers.get(_suffix(path))


def _suffix(path: Path) -> str:
    some = [one.lower() for one in path.suffixes if one.lower() != ".gz"]
    return some[-1] if some else ""


def _name(path: Path) -> str:
    return path.name.partition(".")[0]


def _open(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def _lines(path: Path) -> Iterator[Read]:
    for place, name, line in _decoded(path):
        yield place, name, line if isinstance(line, DataError) else _object(line, place)


def _texts(path: Path) -> Iterator[Read]:
    for place, name, line in _decoded(path):
        yield place, name, line if isinstance(line, DataError) else {"question": line.strip()}


def _decoded(path: Path) -> Iterator[tuple[str, str, str | DataError]]:
    with _open(path) as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(
                f"{path} is UTF-16.", hint="Convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW."
            )
    with _open(path) as file:
        number, offset = 0, 0
        while raw := file.readline(_LONGEST_LINE + 1):
            number += 1
            place, name = f"{path}:{number}", f"{_name(path)}:{number}"
            if len(raw) > _LONGEST_LINE:
                raise DataError(f"{place}: the line is longer than 64 MiB.")
            try:
                line: str | DataError = decode_utf8(raw, place, offset=offset)
            except DataError as exc:
                line = exc
            offset += len(raw)
            if isinstance(line, DataError) or line.strip():
                yield place, name, line


def _object(line: str, place: str) -> Mapping[str, Any] | DataError:
    try:
        row = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:
        return DataError(f"{place}: not JSON: {exc}.", hint="Was the file cut off there?")
    if not isinstance(row, dict):
        return DataError(f"{place}: {line.strip()[:40]} instead of an object.")
    return row


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _table(path: Path) -> Iterator[Read]:
    """Rows of a table with a header, in whatever encoding the spreadsheet wrote."""
    delimiter = "\t" if _suffix(path) == ".tsv" else ""
    with _open(path) as file:
        text = _text(file, path)
    head = text.partition("\n")[0]
    if not delimiter:
        # Spreadsheets write semicolons where commas divide decimals.
        delimiter = ";" if head.count(";") > head.count(",") else ","
    csv.field_size_limit(_LONGEST_LINE)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    number = 0
    while True:
        number += 1
        place, name = f"{path}: row {number}", f"{_name(path)}:{number}"
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as exc:
            raise DataError(f"{place} cannot be read: {exc}.") from exc
        cells = {key.strip().lower(): cell for key, cell in row.items() if key is not None}
        if any(cells.values()):
            yield place, name, cells


def _text(file: IO[bytes], path: Path) -> str:
    try:
        return decode_text(file.read(), str(path))[0].replace("\x00", "")
    except RagRouterError as exc:
        raise DataError(exc.message, hint=exc.hint) from exc


def _parquet(path: Path) -> Iterator[Read]:
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as exc:
        raise UsageError(
            f"{path}: reading Parquet takes pyarrow, which is not installed.",
            hint="Install it: pip install 'rag-router[parquet]'.",
        ) from exc
    try:
        with parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}: row {number}", f"{_name(path)}:{number}", row
    except ArrowException as exc:
        raise DataError(f"{path} is no whole Parquet file: {exc}.") from exc
