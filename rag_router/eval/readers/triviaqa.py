"""TriviaQA: trivia questions whose answers are Wikipedia titles with many aliases.

Joshi et al. 2017, arXiv 1705.03551.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rag_router.eval.readers.head import Head
from rag_router.eval.readers.lines import read_document
from rag_router.eval.readers.row import Row, Seen, spellings
from rag_router.scoring import normalise
from rag_router.types import Question

__all__ = ["LAYOUT", "is_triviaqa", "read_triviaqa"]

LAYOUT: Final = (
    'One document {"Data": [{"QuestionId", "Question", '
    '"Answer": {"Value", "Aliases": […], "NormalizedAliases": […]}}]}.'
)


def read_triviaqa(path: Path) -> Iterator[Question]:
    """Yield the questions of a file in order.

    Answers are the value, then its aliases, then those normalised aliases that differ from all
    of these in more than case, punctuation and articles. The evidence stands in other files and
    is left out.

    Raises:
        DataError: the document is broken, or an id stands twice.
    """
    seen = Seen()
    for row in read_document(path, LAYOUT).rows("Data"):
        question = Question(
            id=row.identifier("QuestionId"),
            text=row.text("Question"),
            answers=_answers(row),
            meta=_meta(row),
        )
        yield seen.once(question, row.place)


def is_triviaqa(head: Head) -> bool:
    """Whether the document holds `Data`."""
    return "Data" in head.keys


def _answers(row: Row) -> tuple[str, ...]:
    # The questions of the hidden test sets have no answer at all.
    answer = Row(f"{row.place}.Answer", row.mapping("Answer"), row.layout)
    own = spellings([answer.optional_text("Value")], answer.texts("Aliases"))
    known = {normalise(text) for text in own}
    normalised = answer.texts("NormalizedAliases")
    return spellings(own, (text for text in normalised if normalise(text) not in known))


def _meta(row: Row) -> dict[str, str]:
    answer = row.mapping("Answer")
    notes = {
        "source": row.fields.get("QuestionSource"),
        "answer_type": answer.get("Type"),
        "answer_entity": answer.get("MatchedWikiEntityName"),
    }
    return {key: value for key, value in notes.items() if isinstance(value, str) and value}
