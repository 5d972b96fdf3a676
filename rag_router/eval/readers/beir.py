"""BEIR's queries and corpora, and ours, which say `id` where BEIR says `_id`.

Thakur et al. 2021, arXiv 2104.08663.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from rag_router.eval.readers.head import Head
from rag_router.eval.readers.lines import read_rows
from rag_router.eval.readers.row import Row, Seen
from rag_router.types import Passage, Question

__all__ = ["LAYOUT", "is_beir_queries", "read_beir_queries", "read_corpus"]

LAYOUT: Final = 'Each line is {"_id" or "id": …, "text": …, "metadata": {}}.'
_CORPUS: Final = 'Each line is {"_id" or "id": …, "title": …, "text": …}.'


def read_beir_queries(path: Path) -> Iterator[Question]:
    """Yield the queries of a file in order, as questions without answers.

    Raises:
        DataError: a line is broken, or an id stands twice.
    """
    seen = Seen()
    for row in read_rows(path, LAYOUT):
        question = Question(
            id=row.identifier("_id", "id"), text=row.text("text"), meta=row.mapping("metadata")
        )
        yield seen.once(question, row.place)


def is_beir_queries(head: Head) -> bool:
    """Whether the first object has an id and a text, and no title, which a document has."""
    named = head.keys & {"_id", "id"}
    return bool(named) and "text" in head.keys and "title" not in head.keys


def read_corpus(paths: Iterable[Path]) -> Iterator[Passage]:
    """Yield the documents of a corpus in order, file after file.

    Raises:
        DataError: a line is broken, or an id stands twice in the corpus.
    """
    seen = Seen()
    for path in paths:
        for row in read_rows(path, _CORPUS):
            passage = _document(row)
            seen.add(passage.id, row.place)
            yield passage


def _document(row: Row) -> Passage:
    return Passage(
        id=row.identifier("_id", "id"),
        title=row.optional_text("title"),
        text=row.optional_text("text"),
        meta=row.rest({"_id", "id", "title", "text"}),
    )
