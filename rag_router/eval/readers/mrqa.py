"""MRQA 2019: a header line, then one passage a line with the questions on it.

Fisch et al. 2019, arXiv 1910.09753.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rag_router.eval.readers.head import Head
from rag_router.eval.readers.lines import read_rows
from rag_router.eval.readers.row import Seen, spellings
from rag_router.eval.readers.support import supporting_passage
from rag_router.types import Question

__all__ = ["LAYOUT", "is_mrqa", "read_mrqa"]

LAYOUT: Final = (
    'A first line {"header": {"dataset", "mrqa_split"}}, then each line is {"context": …, "qas": '
    '[{"qid", "question", "detected_answers": [{"text"}], "answers": […]}]}.'
)


def read_mrqa(path: Path) -> Iterator[Question]:
    """Yield the questions of a file in order, each with its passage.

    The passage stays as it is, with its marks [TLE], [DOC] and [PAR], since offsets count them.
    It is gold where an answer was detected in it. Accepted answers come first, then those that
    were detected in another spelling. `meta` holds what the header says.

    Raises:
        DataError: a line is broken, the header is missing, or an id stands twice.
    """
    seen = Seen()
    header: dict[str, object] | None = None
    for row in read_rows(path, LAYOUT):
        if header is None:
            if "header" not in row.fields:
                raise row.wrong("lacks 'header'")
            header = row.mapping("header")
            continue
        text = row.text("context")
        for asked in row.rows("qas"):
            detected = [found.text("text") for found in asked.rows("detected_answers")]
            question = Question(
                id=asked.identifier("qid", "id"),
                text=asked.text("question"),
                answers=spellings(asked.texts("answers"), detected),
                contexts=(supporting_passage("", text, is_gold=bool(detected)),),
                meta=header,
            )
            yield seen.once(question, asked.place)


def is_mrqa(head: Head) -> bool:
    """Whether the first line is a header."""
    return "header" in head.keys
