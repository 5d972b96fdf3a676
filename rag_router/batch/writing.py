"""Outputs: JSON Lines, tables and KILT's predictions; each appears whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any, Final, Literal, cast

from rag_router.batch.columns import DEFAULT, KINDS, check_columns, picked
from rag_router.batch.pages import pages_of, without_pages
from rag_router.errors import UnavailableError, UsageError

__all__ = ["Output"]

Format = Literal["csv", "jsonl", "kilt", "parquet"]
Line = dict[str, Any]
Lines = Callable[[], Iterator[Line]]
"""Yields the lines of the output; may be called more than once."""

_PARQUET_ROWS: Final = 4096
_UNANSWERED: Final = "I don't know."


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where answers are written, and how.

    Attributes:
        path: The file.
        format: None goes by the file's name.
        columns: Paths into the answer; empty writes whole answers as JSON Lines, and the usual
            columns of a table.
        wide: Whether a table has a row for each document and a column for each question.

    Raises:
        UsageError: the format is not known by the name, or a column or option does not go with it.
    """

    path: Path
    format: Format | None = None
    columns: tuple[str, ...] = ()
    wide: bool = False

    def __post_init__(self) -> None:
        check_columns(self.columns)
        if self.wide and (self.kind in ("jsonl", "kilt") or self.columns):
            raise UsageError(
                "a wide table is CSV or Parquet, and has the questions for columns.",
                hint="Name an output such as table.csv, and no columns.",
            )
        if self.kind == "kilt" and self.columns:
            raise UsageError("KILT's predictions have no columns to choose.")
        if self.kind == "parquet":
            _pyarrow()

    @property
    def kind(self) -> Format:
        """The format, from the file's name where nobody named it.

        Raises:
            UsageError: the name does not tell.
        """
        if self.format is not None:
            return self.format
        bare = self.path.name.lower().removesuffix(".gz")
        for ending, kind in (
            (".jsonl", "jsonl"),
            (".ndjson", "jsonl"),
            (".csv", "csv"),
            (".parquet", "parquet"),
        ):
            if bare.endswith(ending):
                return cast("Format", kind)
        raise UsageError(
            f"the name {self.path.name!r} does not tell how answers are to be written.",
            hint="Call it .jsonl, .csv or .parquet, or give --format.",
        )

    def write(self, lines: Lines) -> None:
        """Write what there is.

        Raises:
            UnavailableError: the disk is full, or the file cannot be written.
        """
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            if self.kind == "parquet":
                self._write_parquet(part, lines)
            else:
                with _opened(part, packed=self.path.suffix.lower() == ".gz") as file:
                    self._write_text(file, lines)
            part.replace(self.path)
        except OSError as exc:
            part.unlink(missing_ok=True)
            raise UnavailableError(
                f"{self.path} cannot be written: {exc.strerror or exc}.",
                hint="What was answered is kept in the journal beside it: make room, and run the "
                "same command again.",
            ) from exc

    def _write_text(self, file: IO[str], lines: Lines) -> None:
        if self.kind == "csv":
            table = csv.writer(file, lineterminator="\n")
            names, rows = self._table(lines)
            table.writerow(names)
            table.writerows([_cell(value) for value in row] for row in rows)
            return
        for line in lines():
            file.write(self._text(line) + "\n")

    def _text(self, line: Line) -> str:
        if self.kind == "kilt":
            # ASCII, because KILT's scorer opens files in the encoding that the machine prefers.
            return json.dumps(_kilt(line))
        line = without_pages(line)
        if self.columns:
            line = {name: picked(line, name) for name in self.columns}
        return json.dumps(line, ensure_ascii=False)

    def _table(self, lines: Lines) -> tuple[Sequence[str], Iterator[list[Any]]]:
        if self.wide:
            return _wide(lines)
        names = self.columns
        if not names:
            documents = any("document" in line for line in islice(lines(), 1))
            names = tuple(one for one in DEFAULT if documents or one != "document")
        return names, (
            [picked(line, name) for name in names] for line in map(without_pages, lines())
        )

    def _write_parquet(self, part: Path, lines: Lines) -> None:
        pyarrow = _pyarrow()
        from pyarrow import parquet

        kinds = {
            str: pyarrow.string(),
            bool: pyarrow.bool_(),
            int: pyarrow.int64(),
            float: pyarrow.float64(),
        }
        names, rows = self._table(lines)
        types = [str if self.wide else KINDS.get(name, str) for name in names]
        schema = pyarrow.schema([(n, kinds[t]) for n, t in zip(names, types, strict=True)])
        with parquet.ParquetWriter(part, schema) as writer:
            while some := list(islice(rows, _PARQUET_ROWS)):
                columns = [
                    pyarrow.array(
                        [None if v is None else t(_text_of(v) if t is str else v) for v in column],
                        type=kinds[t],
                    )
                    for t, column in zip(types, zip(*some, strict=True), strict=True)
                ]
                writer.write_table(pyarrow.table(columns, schema=schema))


@contextmanager
def _opened(path: Path, *, packed: bool) -> Iterator[IO[str]]:
    if not packed:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    # No name and time inside, so that equal outputs are equal files.
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as zipped,
        io.TextIOWrapper(zipped, encoding="utf-8", newline="") as text,
    ):
        yield text


def _wide(lines: Lines) -> tuple[Sequence[str], Iterator[list[Any]]]:
    """A row for each document, and a column for each question; what has no answer stays empty."""
    asked: dict[str, None] = dict.fromkeys(_asked(line) for line in lines() if _of_document(line))

    def rows() -> Iterator[list[Any]]:
        some = (line for line in lines() if _of_document(line))
        for document, of_one in groupby(some, key=lambda line: line["document"]):
            said = {_asked(line): line.get("answer") for line in of_one}
            yield [document, *(said.get(one) for one in asked)]

    return ["document", *asked], rows()


def _of_document(line: Line) -> bool:
    return str(line["id"]).startswith(f"{line.get('document')}/")


def _asked(line: Line) -> str:
    return str(line["id"]).removeprefix(f"{line['document']}/")


def _kilt(line: Line) -> Line:
    said = line.get("answer") or line.get("message") or _UNANSWERED
    row = {
        "id": line["id"],
        "input": line["question"],
        "output": [{"answer": said, "provenance": pages_of(line)}],
    }
    return row | ({"error": line["error"]} if "error" in line else {})


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else _text_of(value)


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ModuleNotFoundError as exc:
        raise UsageError(
            "writing Parquet takes pyarrow, which is not installed.",
            hint="Install it: pip install 'rag-router[parquet]'.",
        ) from exc
    return pyarrow
