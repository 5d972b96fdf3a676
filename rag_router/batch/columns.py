"""Columns of an output: paths into an answer's JSON, such as `knowledge.p_know`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rag_router.errors import UsageError

__all__ = ["DEFAULT", "KINDS", "check_columns", "picked"]

KINDS: Final[Mapping[str, type]] = {
    "id": str,
    "document": str,
    "question": str,
    "answer": str,
    "abstained": bool,
    "reason": str,
    "confidence": float,
    "knowledge.gate": str,
    "knowledge.p_know": float,
    "knowledge.retrieve": bool,
    "knowledge.reason": str,
    "route.expert.name": str,
    "conflict.closed_book_answer": str,
    "conflict.divergence": float,
    "conflict.strategy": str,
    "usage.prompt_tokens": int,
    "usage.completion_tokens": int,
    "usage.lm_forward_passes": int,
    "usage.retriever_calls": int,
    "timings_ms.total": float,
    "message": str,
    "hint": str,
    "error.type": str,
    "error.message": str,
    "error.hint": str,
}
"""Columns that are one value each; of all others a table holds the JSON."""

DEFAULT: Final = (
    "id",
    "document",
    "question",
    "answer",
    "abstained",
    "reason",
    "confidence",
    "knowledge.p_know",
    "knowledge.retrieve",
    "error.message",
)
"""What a table holds where nobody says otherwise; `document` only of jobs that have any."""

_TOP: Final = frozenset(
    {
        "id", "document", "question", "answer", "abstained", "reason", "confidence", "knowledge",
        "route", "passages", "citations", "uncited", "conflict", "groups", "disagreement", "tokens",
        "usage", "timings_ms", "degraded", "message", "hint", "error", "json",
    }
)  # fmt: skip


def check_columns(columns: Sequence[str]) -> None:
    """Make sure that every column begins with a key of the answer.

    Raises:
        UsageError: one does not, or is named twice.
    """
    for name in columns:
        if name.partition(".")[0] not in _TOP:
            raise UsageError(
                f"there is no column {name!r}.",
                hint=f"A column is a path into an answer: {', '.join(sorted(_TOP))}, or "
                "knowledge.p_know; 'json' is all of it.",
            )
    if len(set(columns)) < len(columns):
        raise UsageError("a column is named twice.")


def picked(line: Mapping[str, Any], column: str) -> Any:
    """Return what stands at a column's path; None where nothing does."""
    if column == "json":
        return json.dumps(line, ensure_ascii=False)
    value: Any = line
    for part in column.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, Mapping):
            value = value.get(part)
        else:
            return None
    return value
