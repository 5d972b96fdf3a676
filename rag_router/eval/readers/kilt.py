"""KILT: knowledge-intensive tasks over one Wikipedia, as its gold files hold them.

Petroni et al. 2021, arXiv 2009.02252.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rag_router.eval.readers.head import Head
from rag_router.eval.readers.lines import read_rows
from rag_router.eval.readers.row import Row, Seen, spellings
from rag_router.types import Question

__all__ = ["LAYOUT", "is_kilt", "read_kilt"]

LAYOUT: Final = (
    'Each line is {"id": …, "input": …, "output": '
    '[{"answer": …, "provenance": [{"wikipedia_id", "title"}]}], "meta": {}}.'
)


def read_kilt(path: Path) -> Iterator[Question]:
    """Yield the questions of a file in order.

    `meta` says what the line's own `meta` says, and under `provenance` one list of places for
    each output that has any; each list by itself supports the answer.

    Raises:
        DataError: a line is broken, or an id stands twice.
    """
    seen = Seen()
    for row in read_rows(path, LAYOUT):
        outputs = list(row.rows("output"))
        sets = [found for output in outputs if (found := _provenance(output))]
        question = Question(
            id=row.identifier("id"),
            text=row.text("input"),
            answers=spellings(output.optional_text("answer") for output in outputs),
            meta=row.mapping("meta") | ({"provenance": sets} if sets else {}),
        )
        yield seen.once(question, row.place)


def is_kilt(head: Head) -> bool:
    """Whether the first object has an id and an input."""
    return {"id", "input"} <= head.keys


def _provenance(output: Row) -> list[dict[str, Any]]:
    return [
        {**place.fields, "wikipedia_id": place.identifier("wikipedia_id")}
        for place in output.rows("provenance")
        if place.fields.get("wikipedia_id") is not None
    ]
