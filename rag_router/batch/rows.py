"""Rows of question files, whoever published them, as questions.

The keys of our own sets, of BEIR (Thakur et al. 2021, arXiv 2104.08663), of KILT (Petroni et al.
2021, arXiv 2009.02252) and of FlashRAG (Jin et al. 2024, arXiv 2405.13576) are known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from rag_router.errors import DataError
from rag_router.types import Passage, Question

__all__ = ["as_document", "as_question"]

_ID: Final = ("id", "_id", "question_id")
_TEXT: Final = ("question", "input", "query", "text")
_CONTEXTS: Final = ("contexts", "ctxs", "passages")
_SHAPE: Final = (
    'A row has "question" (or "input", "query", "text"), and may have "id" (or "_id") and '
    '"contexts": [{"id", "title", "text"}].'
)
_DOCUMENT: Final = 'A document has "id" (or "_id") and "text", and may have "title".'


def as_question(row: Mapping[str, Any], place: str, default_id: str) -> Question:
    """Make a question of a row.

    Args:
        row: What the file says, by column.
        place: Where it stands, for the error.
        default_id: What it is called where it does not say.

    Raises:
        DataError: it has no question, or what it has is of the wrong kind.
    """
    text = _first(row, _TEXT)
    if not isinstance(text, str) or not text.strip():
        seen = "nothing" if text is None or text == "" else f"{text!r:.40}"
        raise DataError(f"{place}: {seen} in the place of a question.", hint=_SHAPE)
    _whole(text, place)
    return Question(
        id=_identifier(row, place, default_id), text=text, contexts=_contexts(row, place)
    )


def as_document(row: Mapping[str, Any], place: str, default_id: str) -> Passage:
    """Make a document of a row, whole.

    Raises:
        DataError: it has no text, or what it has is of the wrong kind.
    """
    title, text = row.get("title") or "", row.get("text") or ""
    if not isinstance(title, str) or not isinstance(text, str) or not (text or title).strip():
        raise DataError(f"{place}: the row is no document.", hint=_DOCUMENT)
    _whole(title + text, place)
    id_ = _identifier(row, place, default_id)
    return Passage(id=id_, title=title if text else "", text=text or title, document_id=id_)


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _identifier(row: Mapping[str, Any], place: str, default: str) -> str:
    found = _first(row, _ID)
    if found is None or found == "":
        return default
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise DataError(f"{place}: the id is {found!r:.40}, no text.", hint=_SHAPE)
    _whole(str(found), place)
    return str(found)


def _contexts(row: Mapping[str, Any], place: str) -> tuple[Passage, ...]:
    found = _first(row, _CONTEXTS)
    if isinstance(found, str):  # a cell of a table
        try:
            found = json.loads(found) if found.strip() else None
        except ValueError as exc:
            raise DataError(f"{place}: contexts are no JSON: {exc}.", hint=_SHAPE) from exc
    if found is None:
        return ()
    if not isinstance(found, list):
        raise DataError(f"{place}: contexts are {found!r:.40}, no list.", hint=_SHAPE)
    return tuple(_context(one, place, number) for number, one in enumerate(found, start=1))


def _context(one: Any, place: str, number: int) -> Passage:
    if isinstance(one, str):
        one = {"text": one}
    text = one.get("text") if isinstance(one, Mapping) else None
    title = (one.get("title") or "") if isinstance(one, Mapping) else ""
    if not isinstance(text, str) or not isinstance(title, str):
        raise DataError(f"{place}: context {number} has no text.", hint=_SHAPE)
    _whole(title + text, place)
    return Passage(id=_identifier(one, place, str(number)), title=title, text=text)


def _whole(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise DataError(
            f"{place}: the text holds half a character ({exc.object[exc.start]!a}).",
            hint="A \\ud800-\\udfff escape must come in pairs; write the text again as UTF-8.",
        ) from exc
