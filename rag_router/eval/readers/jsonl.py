"""Our own question sets: JSON Lines with contexts and whatever else the source said.

Multiple choice keeps its `choices` and `answer_letter` in `meta`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rag_router.eval.readers.head import Head
from rag_router.eval.readers.lines import read_rows
from rag_router.eval.readers.row import Row, Seen
from rag_router.types import Passage, Question

__all__ = ["LAYOUT", "is_jsonl", "read_jsonl"]

LAYOUT: Final = (
    'Each line is {"id": …, "question": …, "answers": […], '
    '"contexts": [{"id", "title", "text"}], "meta": {}}; id and question are needed.'
)


def read_jsonl(path: Path) -> Iterator[Question]:
    """Yield the questions of a file in order.

    Raises:
        DataError: a line is broken, or an id stands twice.
    """
    seen = Seen()
    for row in read_rows(path, LAYOUT):
        question = Question(
            id=row.identifier("id"),
            text=row.text("question"),
            answers=row.texts("answers"),
            contexts=tuple(_passage(context) for context in row.rows("contexts")),
            meta=row.mapping("meta"),
        )
        yield seen.once(question, row.place)


def is_jsonl(head: Head) -> bool:
    """Whether the first object asks a question, or the file is called ours and begins with none.

    So a broken first line is reported like any other.
    """
    return "question" in head.keys or (head.suffix == ".jsonl" and not head.keys)


def _passage(row: Row) -> Passage:
    return Passage(
        id=row.identifier("id"),
        title=row.optional_text("title"),
        text=row.optional_text("text"),
        meta=row.rest({"id", "title", "text"}),
    )
