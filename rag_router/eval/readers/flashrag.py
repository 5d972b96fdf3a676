"""FlashRAG's one layout for many question sets.

Jin et al. 2024, arXiv 2405.13576.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rag_router.eval.readers.choices import right_choice
from rag_router.eval.readers.head import Head
from rag_router.eval.readers.lines import bare_name, read_rows
from rag_router.eval.readers.row import Row, Seen
from rag_router.types import Question

__all__ = ["LAYOUT", "is_flashrag", "read_flashrag"]

LAYOUT: Final = (
    'Each line is {"id": …, "question": …, "golden_answers": […], "metadata": {}}; '
    "with a list of choices, golden_answers may be places in it, from 0."
)


def read_flashrag(path: Path) -> Iterator[Question]:
    """Yield the questions of a file in order.

    Multiple choice gets `choices` and, where one choice is right, `answer_letter` in `meta`. A
    question without an id is called after its file and line.

    Raises:
        DataError: a line is broken, or an id stands twice.
    """
    seen = Seen()
    for row in read_rows(path, LAYOUT):
        answers, choice = _answers(row)
        question = Question(
            id=row.identifier("id", default=f"{bare_name(path)}:{row.number}"),
            text=row.text("question"),
            answers=answers,
            meta=row.mapping("metadata") | choice,
        )
        yield seen.once(question, row.place)


def is_flashrag(head: Head) -> bool:
    """Whether the first object has golden answers, or a question with metadata."""
    bare = {"question", "metadata"} <= head.keys and not head.keys & {"answers", "answer"}
    return "golden_answers" in head.keys or bare


def _answers(row: Row) -> tuple[tuple[str, ...], dict[str, Any]]:
    choices = row.fields.get("choices")
    golden = row.fields.get("golden_answers")
    if not choices:
        return row.texts("golden_answers", lone=True), {}
    # Not `texts`, which leaves out blank ones and so would move the places of the others.
    if not isinstance(choices, list) or not all(isinstance(one, str) for one in choices):
        raise row.wrong("choices are no list of texts")
    keys = golden if isinstance(golden, list) else [] if golden is None else [golden]
    try:
        right = [right_choice(choices, _key(key)) for key in keys]
    except ValueError as exc:
        raise row.wrong(f"golden_answers: {exc}") from exc
    letters = {"answer_letter": right[0][1]} if len(right) == 1 else {}
    return tuple(text for text, _ in right), {"choices": list(choices), **letters}


def _key(key: Any) -> int | str:
    if isinstance(key, bool) or not isinstance(key, int | str):
        raise ValueError(f"expected a place or a text, saw a {type(key).__name__}")  # noqa: TRY004
    return key
