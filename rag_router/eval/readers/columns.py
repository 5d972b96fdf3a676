"""Records of foreign tables as questions, by the names that their columns usually have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rag_router.eval.readers.choices import right_choice
from rag_router.eval.readers.row import Row, spellings
from rag_router.eval.readers.support import supporting_passage
from rag_router.types import Question

__all__ = ["Columns", "question_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column holds what; None takes the first common name that is there.

    Attributes:
        id: Text or whole number; where there is none, the row's number.
        question: Text; must be there.
        answers: A text, a list, SQuAD's or TriviaQA's object, yes or no as true or false, or,
            with choices, the right one's text, letter or place from 0.
        context: Text of the passage that the question is about; other kinds are left out.
        choices: A list of texts, or ARC's object of `text` and `label`.
    """

    id: str | None = None
    question: str | None = None
    answers: str | None = None
    context: str | None = None
    choices: str | None = None


_COMMON: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("id", "qid", "question_id", "query_id", "_id"),
    "question": ("question", "query", "input", "problem"),
    "answers": (
        "answers",
        "answer",
        "golden_answers",
        "possible_answers",
        "short_answers",
        "answerKey",
        "target",
    ),
    "context": ("context", "passage"),
    "choices": ("choices", "options"),
}
_SPELLED: Final = ("text", "value", "aliases", "normalized_aliases")


def question_of(row: Row, columns: Columns, default_id: str) -> Question:
    """Make a question of a record; columns that hold one plain value each join `meta`.

    Args:
        row: The record.
        columns: Which column holds what.
        default_id: What a record without an id is called.

    Raises:
        DataError: a column is missing or of a kind that cannot be read.
    """
    asked = _column(row, "question", columns.question)
    if asked is None:
        raise row.wrong(f"no column looks like a question among {', '.join(row.fields)}")
    about = _column(row, "context", columns.context)
    context = row.fields[about] if about else None
    title = row.fields.get("title")
    name = _column(row, "id", columns.id)
    answers, notes = _answers(row, columns)
    plain = {k: v for k, v in row.fields.items() if isinstance(v, str | int | float | bool)}
    used = {asked, about, name, _column(row, "answers", columns.answers)}
    return Question(
        id=row.identifier(name, default=default_id) if name else default_id,
        text=row.text(asked),
        answers=answers,
        contexts=(
            (supporting_passage(title if isinstance(title, str) else "", context, is_gold=True),)
            if isinstance(context, str) and context.strip()
            else ()
        ),
        meta={k: v for k, v in plain.items() if k not in used} | notes,
    )


def _column(row: Row, kind: str, given: str | None) -> str | None:
    if given is None:
        return next((name for name in _COMMON[kind] if name in row.fields), None)
    if given not in row.fields:
        raise row.wrong(f"no column {given!r} among {', '.join(row.fields)}")
    return given


def _answers(row: Row, columns: Columns) -> tuple[tuple[str, ...], dict[str, Any]]:
    name = _column(row, "answers", columns.answers)
    value = row.fields[name] if name else None
    choices, labels = _choices(row, _column(row, "choices", columns.choices))
    if not choices:
        return _spelled(row, name, value), {}
    if isinstance(value, bool) or not isinstance(value, str | int):
        return _spelled(row, name, value), {"choices": choices}
    try:
        text, letter = right_choice(choices, labels.index(value) if value in labels else value)
    except ValueError as exc:
        raise row.wrong(f"{name}: {exc}") from exc
    return (text,), {"choices": choices, "answer_letter": letter}


def _choices(row: Row, name: str | None) -> tuple[list[str], list[Any]]:
    value = row.fields[name] if name else None
    labels: list[Any] = []
    if isinstance(value, dict):
        labels, value = value.get("label") or [], value.get("text")
    if not isinstance(value, list) or not all(isinstance(choice, str) for choice in value):
        return [], []
    return value, labels


def _spelled(row: Row, name: str | None, value: Any) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("yes",) if value else ("no",)
    if isinstance(value, str):
        # Tables without lists, PopQA's among them, write a list as JSON.
        value = _json_list(value) or [value]
    if isinstance(value, dict):
        parts = [value[key] for key in _SPELLED if value.get(key)]
        value = [text for part in parts for text in (part if isinstance(part, list) else [part])]
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise row.wrong(f"{name}: answers are texts, saw {type(value).__name__} {str(value)[:60]}")
    return spellings(value)


def _json_list(text: str) -> list[Any] | None:
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None
