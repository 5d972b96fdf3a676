"""CSV: one document a row. The first row names the columns.

A column `text` is the text, `title` the title and `id` (or `_id`) the id; other columns join
`meta`. A table without a column `text` is read as facts: the text of a row is "column: value"
for each of its filled cells, so that any table can be searched.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from rag_router.errors import DocumentError
from rag_router.indices.documents import Document, Section, SourceFile
from rag_router.indices.encodings import decode_text
from rag_router.settings import DocumentSettings

__all__ = ["read_csv"]

_SAMPLE = 64 * 2**10
_DELIMITERS = ",;\t|"


def read_csv(file: SourceFile, limits: DocumentSettings) -> Iterator[Document]:
    """Yield one document for each row that is not blank.

    Raises:
        DocumentError: there is no header, a row has more cells than it, or a cell is too long.
    """
    text, _ = decode_text(file.path.read_bytes(), str(file.path))
    # The limit is one for the process, which reads for nobody else.
    csv.field_size_limit(limits.file_mb * 2**20)
    rows = csv.reader(io.StringIO(text, newline=""), _dialect(text), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        _check(header, file)
        for number, row in enumerate(rows, start=1):
            if any(cell.strip() for cell in row):
                place = f"{file.path}:{rows.line_num}"
                id_ = f"{file.relative}:{number}"
                yield _document(header, row, place, id_, file.stem)
    except csv.Error as exc:
        raise DocumentError(
            f"{file.path}:{rows.line_num}: not CSV: {exc}.",
            hint="Cells that hold quotes or line ends must be quoted, quotes in them doubled.",
        ) from exc


def _dialect(text: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(text[:_SAMPLE].split("\n", 1)[0], delimiters=_DELIMITERS)
    except csv.Error:
        return csv.excel  # a single column has no delimiter to be found


def _check(header: list[str], file: SourceFile) -> None:
    named = [name for name in header if name]
    if len(named) != len(set(named)) or not named:
        raise DocumentError(
            f"{file.path}:1: the first row does not name the columns: {header!r:.80}.",
            hint="Begin with a row such as: id,title,text",
        )


def _document(header: list[str], row: list[str], place: str, fallback: str, table: str) -> Document:
    if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
        raise DocumentError(
            f"{place}: {len(row)} cells under {len(header)} columns.",
            hint="A cell that holds the delimiter must be quoted.",
        )
    cells = {name: cell for name, cell in zip(header, row, strict=False) if name}
    id_ = next((cells.pop(name) for name in ("id", "_id") if cells.get(name, "").strip()), fallback)
    title = cells.pop("title", "").strip()
    if "text" in cells:
        text = cells.pop("text")
    else:
        title = title or table
        text = "\n".join(f"{name}: {cell.strip()}" for name, cell in cells.items() if cell.strip())
    section = Section(title=title, text=text) if text.strip() else Section(title="", text=title)
    return Document(id=id_, title=title, source=place, sections=(section,), meta=cells)
