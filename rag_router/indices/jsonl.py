"""JSON Lines, plain or gzipped: one document a line, `{"id", "title", "text", "meta"}`.

`id` and `text` must be there; BEIR's `_id` and `metadata` serve as well. Other keys join `meta`,
so that nothing the source said is lost. Of a document without text, the title is its text.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from rag_router.errors import DocumentError
from rag_router.indices.documents import Document, Section
from rag_router.indices.utf8 import decode_utf8

__all__ = ["json_lines", "read_jsonl"]

LONGEST_LINE = 64 * 2**20
"""Bytes; a longer line is taken for something that is not JSON Lines."""

_MOST_PACKED = 200
"""How many times its size a packed file may unpack to; real text packs 3 to 30 times."""

_SHAPE = 'A line reads {"id": "…", "title": "…", "text": "…", "meta": {}}; id and text are needed.'


def read_jsonl(path: Path) -> Iterator[Document]:
    """Yield the documents of a file in order; blank lines are passed over.

    Raises:
        DocumentError: the file cannot be read or a line is no document; names file and line.
    """
    for row, place in json_lines(path, _SHAPE):
        yield _document(row, place)


def json_lines(path: Path, shape: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the object of every line and where it stands; blank lines are passed over.

    Args:
        path: JSON Lines, plain or gzipped.
        shape: What a line should look like, for whoever reads the error.

    Raises:
        DocumentError: the file cannot be read or a line is no object; names file and line.
    """
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            offset = 0
            for number, raw in enumerate(_lines(cast("BinaryIO", file), path), start=1):
                place = f"{path}:{number}"
                line = decode_utf8(raw, place, offset=offset)
                offset += len(raw)
                if offset > max(LONGEST_LINE, _MOST_PACKED * path.stat().st_size):
                    raise DocumentError(
                        f"{place}: the file unpacks to more than {_MOST_PACKED} times its size.",
                        hint="Text does not pack so well; unpack the file if it can be trusted.",
                    )
                if line.strip():
                    yield _object(line, place, shape), place
    except (OSError, EOFError, zlib.error) as exc:
        raise DocumentError(f"{path} cannot be read: {exc}.") from exc


def _lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(raw) > LONGEST_LINE:
            raise DocumentError(
                f"{path}:{number}: the line is longer than {LONGEST_LINE // 2**20} MiB.",
                hint="JSON Lines holds one document a line; cut the document into several.",
            )
        yield raw


def _object(line: str, place: str, shape: str) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise DocumentError(f"{place}: not JSON: {exc}.", hint=shape) from exc
    if not isinstance(row, dict):
        raise DocumentError(f"{place}: {_seen(row)} instead of an object.", hint=shape)
    return row


def _document(row: dict[str, Any], place: str) -> Document:
    id_ = row.pop("id", None) if "id" in row else row.pop("_id", None)
    if isinstance(id_, int) and not isinstance(id_, bool):
        id_ = str(id_)
    title = row.pop("title", None)
    meta = row.pop("meta") if "meta" in row else row.pop("metadata", None)
    meta = {} if meta is None else meta
    if not isinstance(meta, dict):
        raise DocumentError(f"{place}: 'meta' is {_seen(meta)}, not an object.", hint=_SHAPE)
    id_ = _text(id_, "id", place)
    title = _text("" if title is None else title, "title", place)
    text = _text(row.pop("text", None), "text", place)
    if not id_.strip():
        raise DocumentError(f"{place}: 'id' is empty.", hint=_SHAPE)
    if "\x00" in id_:
        raise DocumentError(f"{place}: 'id' holds a null character.", hint=_SHAPE)
    return Document(
        id=id_, title=title, source=place, sections=(_section(title, text),), meta=row | meta
    )


def _section(title: str, text: str) -> Section:
    """The passage of a document without text is its title, which is said once."""
    return Section(title=title, text=text) if text.strip() else Section(title="", text=title)


def _text(value: object, key: str, place: str) -> str:
    if value is None:
        raise DocumentError(f"{place}: no {key!r}.", hint=_SHAPE)
    if not isinstance(value, str):
        raise DocumentError(f"{place}: {key!r} is {_seen(value)}, not text.", hint=_SHAPE)
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise DocumentError(
            f"{place}: {key!r} holds half a character ({exc.object[exc.start]!a}).",
            hint="A \\ud800-\\udfff escape must come in pairs; write the text again as UTF-8.",
        ) from exc
    return value


def _seen(value: Any) -> str:
    shown = json.dumps(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
