"""Answers as KILT's scorer reads them: one output a question, and the pages it rests on.

The layout is that of Petroni et al. 2021, arXiv 2009.02252. The scorer wants each id once, a
text that is not blank, and the pages in the order in which they were found: R-precision and
recall count from the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rag_router.errors import DataError
from rag_router.eval.readers.lines import read_rows
from rag_router.eval.readers.row import Row
from rag_router.eval.readers.writing import write_lines
from rag_router.types import Answer, Passage

__all__ = [
    "KiltPage",
    "KiltPrediction",
    "kilt_prediction",
    "read_kilt_predictions",
    "write_kilt",
]

_LAYOUT: Final = (
    'Each line is {"id": …, "input": …, "output": '
    '[{"answer": …, "provenance": [{"wikipedia_id": …, "title": …}]}]}.'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KiltPage:
    """A Wikipedia page, by its number in KILT's own copy."""

    wikipedia_id: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KiltPrediction:
    """What was answered to one question.

    Attributes:
        id: The question's id in the gold file.
        answer: Never blank; an abstention is written in words.
        pages: The best first.
        input: The question; empty leaves it out.
    """

    id: str
    answer: str
    pages: tuple[KiltPage, ...] = ()
    input: str = ""


def kilt_prediction(answer: Answer) -> KiltPrediction:
    """Make a prediction of an answer.

    All pages that were found stand in the order of their rank, each once, whether a filter kept
    them or not, since the scorer judges retrieval by them. An abstention says its message.
    """
    pages: dict[str, KiltPage] = {}
    for judged in answer.evidence.judged:
        page = _page(judged.hit.passage)
        pages.setdefault(page.wikipedia_id, page)
    return KiltPrediction(
        id=answer.id,
        answer=answer.text or answer.message or "I don't know.",
        pages=tuple(pages.values()),
        input=answer.question,
    )


def write_kilt(path: Path, answers: Iterable[KiltPrediction]) -> None:
    """Write predictions; the file appears whole or not at all.

    Raises:
        DataError: an id stands twice, an id or answer is blank, or the file cannot be written.
    """
    write_lines(path, _lines(answers))


def read_kilt_predictions(path: Path) -> Iterator[KiltPrediction]:
    """Yield what `write_kilt` wrote.

    Raises:
        DataError: a line is broken, or has not exactly one output.
    """
    for row in read_rows(path, _LAYOUT):
        outputs = list(row.rows("output"))
        if len(outputs) != 1:
            raise row.wrong(f"one output is scored, saw {len(outputs)}")
        yield KiltPrediction(
            id=row.identifier("id"),
            answer=outputs[0].text("answer"),
            pages=tuple(_read_page(place) for place in outputs[0].rows("provenance")),
            input=row.optional_text("input"),
        )


def _lines(answers: Iterable[KiltPrediction]) -> Iterator[str]:
    seen: set[str] = set()
    for one in answers:
        # The scorer strips ids before it compares them.
        if not one.id.strip() or one.id.strip() in seen:
            raise DataError(f"the id {one.id!r} is blank or stands twice among the answers.")
        if not one.answer.strip():
            raise DataError(
                f"the answer to {one.id!r} is blank.",
                hint="KILT scores exactly one answer to each question; write what was said.",
            )
        seen.add(one.id.strip())
        pages = [{"wikipedia_id": page.wikipedia_id, "title": page.title} for page in one.pages]
        asked = {"input": one.input} if one.input else {}
        output = [{"answer": one.answer, "provenance": pages}]
        row = {"id": one.id, **asked, "output": output}
        try:
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError as exc:
            raise DataError(f"the prediction for {one.id!r} holds half a character.") from exc
        # ASCII, because the scorer opens files in whatever encoding the machine prefers.
        yield json.dumps(row)


def _page(passage: Passage) -> KiltPage:
    known = passage.meta.get("wikipedia_id") or passage.document_id or passage.id
    return KiltPage(wikipedia_id=str(known), title=passage.title)


def _read_page(row: Row) -> KiltPage:
    return KiltPage(wikipedia_id=row.identifier("wikipedia_id"), title=row.optional_text("title"))
