"""Question sets as JSON Lines, plain or .gz, read with file and line in every error.

{"id", "question", "answers": [..], "contexts": [{"id","title","text","is_gold"?}], "meta": {}}
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from rag_router.errors import DataError
from rag_router.types import Passage, Question

__all__ = ["data_hash", "is_held_out", "read_questions"]


def read_questions(
    paths: Sequence[Path], *, limit: int | None = None, answers: bool = False
) -> list[Question]:
    """Read question sets one after another.

    Args:
        paths: Files.
        limit: Most questions of each file, taken in the order of a hash of their ids, so that a
            limit is a fair sample and a larger limit holds every smaller one.
        answers: Whether a question without answers is left out.

    Raises:
        DataError: a line is broken, or an id stands twice in a file.
    """
    found: list[Question] = []
    for path in paths:
        rows = [q for q in _read(path) if q.answers or not answers]
        if limit is not None and limit < len(rows):
            chosen = sorted(rows, key=lambda q: _hash(q.id))[:limit]
            keep = {q.id for q in chosen}
            rows = [q for q in rows if q.id in keep]
        found += rows
    return found


def is_held_out(question_id: str, *, share: float = 0.25, seed: int = 0) -> bool:
    """Whether a question belongs to the held-out part, decided by its id alone.

    Args:
        question_id: Any text.
        share: Size of the held-out part, in [0, 1].
        seed: Another seed gives another split.
    """
    return _hash(f"{seed}:{question_id}") < share


def data_hash(questions: Sequence[Question]) -> str:
    """sha256 over ids, questions and answers: what a fit or figure was made from."""
    digest = sha256()
    for q in questions:
        digest.update(json.dumps([q.id, q.text, q.answers], ensure_ascii=False).encode())
    return digest.hexdigest()


def _read(path: Path) -> Iterator[Question]:
    seen: set[str] = set()
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.strip():
                    continue
                question = _question(raw, f"{path}:{number}")
                if question.id in seen:
                    raise DataError(f"{path}:{number}: the id {question.id!r} stands twice.")
                seen.add(question.id)
                yield question
    except (OSError, EOFError, zlib.error) as exc:
        raise DataError(f"questions cannot be read from {path}: {exc}.") from exc


def _question(raw: bytes, where: str) -> Question:
    try:
        row = json.loads(raw)
        return Question(
            id=str(row["id"]),
            text=_text(row["question"]),
            answers=tuple(_text(a) for a in _list(row, "answers")),
            contexts=tuple(_passage(c) for c in _list(row, "contexts")),
            meta=dict(row.get("meta") or {}),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        reason = f"lacks {exc}" if isinstance(exc, KeyError) else str(exc)
        raise DataError(
            f"{where} is not a question: {reason}.",
            hint='Each line is {"id": …, "question": …, "answers": […]}.',
        ) from exc


def _passage(row: dict[str, Any]) -> Passage:
    notes = {k: v for k, v in row.items() if k not in {"id", "title", "text"}}
    return Passage(
        id=str(row["id"]),
        title=_text(row.get("title") or ""),
        text=_text(row.get("text") or ""),
        meta=notes,
    )


def _list(row: dict[str, Any], key: str) -> list[Any]:
    value = row.get(key) or []
    # A text is a sequence too: "Paris" would become five answers of one letter.
    if not isinstance(value, list):
        raise TypeError(f"{key} is a list, saw {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, saw {value!r}")
    return value


def _hash(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") / 2**64
