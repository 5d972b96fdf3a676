"""SQuAD 1.1 and 2.0: articles, their paragraphs, and questions on each paragraph.

Rajpurkar et al. 2016, arXiv 1606.05250; Rajpurkar et al. 2018, arXiv 1806.03822.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rag_router.eval.readers.head import Head
from rag_router.eval.readers.lines import read_document
from rag_router.eval.readers.row import Row, Seen, spellings
from rag_router.eval.readers.support import supporting_passage
from rag_router.types import Passage, Question

__all__ = ["LAYOUT", "is_squad", "read_squad"]

LAYOUT: Final = (
    'One document {"data": [{"title", "paragraphs": [{"context", "qas": '
    '[{"id", "question", "answers": [{"text"}], "is_impossible"?}]}]}]}.'
)


def read_squad(path: Path) -> Iterator[Question]:
    """Yield the questions of a file in order, each with its paragraph.

    The paragraph is gold unless the question is impossible; `meta` then says `is_impossible`.
    Answers that several annotators gave alike stand once.

    Raises:
        DataError: the document is broken, or an id stands twice.
    """
    seen = Seen()
    for article in read_document(path, LAYOUT).rows("data"):
        title = article.optional_text("title").replace("_", " ")
        for paragraph in article.rows("paragraphs"):
            text = paragraph.text("context")
            for row in paragraph.rows("qas"):
                yield seen.once(_question(row, title, text), row.place)


def is_squad(head: Head) -> bool:
    """Whether the document holds `data`."""
    return "data" in head.keys


def _question(row: Row, title: str, text: str) -> Question:
    impossible = row.fields.get("is_impossible")
    if not isinstance(impossible, bool | None):
        raise row.wrong(f"is_impossible is true or false, saw {impossible!r}")
    passage: Passage = supporting_passage(title, text, is_gold=not impossible)
    return Question(
        id=row.identifier("id"),
        text=row.text("question"),
        answers=spellings(answer.optional_text("text") for answer in row.rows("answers")),
        contexts=(passage,),
        meta={} if impossible is None else {"is_impossible": impossible},
    )
