"""NQ-Open: questions that people asked a search engine, with short answers.

Lee et al. 2019, arXiv 1906.00300.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rag_router.eval.readers.head import Head
from rag_router.eval.readers.lines import bare_name, read_rows
from rag_router.eval.readers.row import Seen
from rag_router.types import Question

__all__ = ["LAYOUT", "is_nq_open", "read_nq_open"]

LAYOUT: Final = 'Each line is {"question": …, "answer": […]}; an id may be there.'


def read_nq_open(path: Path) -> Iterator[Question]:
    """Yield the questions of a file in order.

    A question without an id is called after its file and line (`NQ-open.dev:17`), so that it
    keeps its name in another folder, and packed or not.

    Raises:
        DataError: a line is broken, or an id stands twice.
    """
    seen = Seen()
    for row in read_rows(path, LAYOUT):
        question = Question(
            id=row.identifier("id", default=f"{bare_name(path)}:{row.number}"),
            text=row.text("question"),
            answers=row.texts("answer", lone=True),
            meta=row.rest({"id", "question", "answer"}),
        )
        yield seen.once(question, row.place)


def is_nq_open(head: Head) -> bool:
    """Whether the first object has a question and an answer in the singular."""
    return {"question", "answer"} <= head.keys and "answers" not in head.keys
