"""Which document is relevant to which query: TREC's, BEIR's and our own layout.

TREC    301 0 FBIS3-10082 1
BEIR    query-id <tab> corpus-id <tab> score, below a header
ours    {"query_id": "301", "doc_id": "FBIS3-10082", "relevance": 1}
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from rag_router.errors import DataError
from rag_router.eval.readers.head import Head, read_head
from rag_router.eval.readers.lines import read_lines, read_rows

__all__ = ["read_qrels"]

_LAYOUT: Final = (
    "Each line is 'query 0 document relevance', or query, document and relevance between tabs "
    'below a header, or {"query_id": …, "doc_id": …, "relevance": …}.'
)
_SPACE: Final = re.compile(r"[ \t\r\f\v]+")
_HEADERS: Final = {"score", "relevance", "rel", "label"}
"""What the last column of a header is called."""


class _Judgement(NamedTuple):
    place: str
    query: str
    document: str
    relevance: int


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Read what is relevant: query -> document -> relevance, >= 0, in the order of the file.

    A relevance below 0, which TREC gives to junk, is read as 0.

    Raises:
        DataError: a line is broken, or two lines disagree on a document.
    """
    judgements = _judgements(path, read_head(path))
    found: dict[str, dict[str, int]] = {}
    for judged in judgements:
        relevance = max(judged.relevance, 0)
        before = found.setdefault(judged.query, {}).setdefault(judged.document, relevance)
        if before != relevance:
            raise DataError(
                f"{judged.place}: document {judged.document!r} of query {judged.query!r} has "
                f"relevance {relevance}, but {before} at {_first(path, judged)}.",
                hint="Keep one of the two lines.",
            )
    if not found:
        raise DataError(f"{path} holds no judgement.", hint=_LAYOUT)
    return found


def _judgements(path: Path, head: Head) -> Iterator[_Judgement]:
    if head.line.startswith("{"):
        return _ours(path)
    return _beir(path) if len(head.columns) == 3 else _trec(path)


def _first(path: Path, judged: _Judgement) -> str:
    """Where a pair stands first: looked for again, so that no place need be remembered."""
    again = _judgements(path, read_head(path))
    return next(j.place for j in again if j[1:3] == judged[1:3])


def _ours(path: Path) -> Iterator[_Judgement]:
    for row in read_rows(path, _LAYOUT):
        relevance = row.fields.get("relevance")
        if isinstance(relevance, bool) or not isinstance(relevance, int):
            raise row.wrong("relevance is no whole number")
        query, document = row.identifier("query_id"), row.identifier("doc_id")
        yield _Judgement(row.place, query, document, relevance)


def _beir(path: Path) -> Iterator[_Judgement]:
    for at, (number, line) in enumerate(read_lines(path)):
        cells = [cell.strip() for cell in line.split("\t")]
        if at == 0 and cells[-1].lower() in _HEADERS:
            continue
        yield _judgement(path, number, cells, columns=(0, 1, 2))


def _trec(path: Path) -> Iterator[_Judgement]:
    for number, line in read_lines(path):
        yield _judgement(path, number, _SPACE.split(line.strip(" \t\r\f\v")), columns=(0, 2, 3))


def _judgement(
    path: Path, number: int, cells: list[str], *, columns: tuple[int, int, int]
) -> _Judgement:
    place = f"{path}:{number}"
    if len(cells) != columns[-1] + 1:
        raise DataError(
            f"{place}: {len(cells)} columns instead of {columns[-1] + 1}.", hint=_LAYOUT
        )
    query, document, relevance = (cells[column] for column in columns)
    if not query or not document or not _is_number(relevance):
        raise DataError(f"{place}: no judgement: {' '.join(cells)[:80]!r}.", hint=_LAYOUT)
    return _Judgement(place, query, document, int(relevance))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?[0-9]{1,9}", text) is not None
