"""Services that answer at once, and say how they were asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag_router.types import (
    Answer,
    Conflict,
    Evidence,
    ExpertChoice,
    Knowledge,
    Question,
    Route,
    Usage,
)

__all__ = ["Echo", "said", "written"]


def said(question: Question, text: str | None) -> Answer:
    """An answer with nothing around it."""
    return Answer(
        id=question.id,
        question=question.text,
        text=text,
        abstained=text is None,
        reason="no_knowledge" if text is None else "parametric",
        confidence=0.75,
        knowledge=Knowledge(
            gate="none", p_know=0.5, threshold=0.5, retrieve=text is None, reason=""
        ),
        route=Route(expert=ExpertChoice(name="echo")),
        evidence=Evidence(),
        conflict=Conflict(closed_book_answer=None, divergence=None, strategy="none"),
        usage=Usage(),
        timings_ms={"total": 1.0},
        message=text or "I don't know.",
    )


@dataclass
class Echo:
    """Answers a question with its own words in capitals, unless `broken` says what goes wrong."""

    broken: Callable[[Question], Exception | None] = lambda question: None
    asked: list[list[str]] = field(default_factory=list)

    def answer(self, questions: Sequence[Question], ask: Any = None) -> list[Answer]:
        self.asked.append([one.id for one in questions])
        for one in questions:
            if (error := self.broken(one)) is not None:
                raise error
        return [said(one, None if "?" in one.text else one.text.upper()) for one in questions]


def written(path: Path, rows: Iterable[Mapping[str, Any] | str]) -> Path:
    """A file of JSON Lines; what is text already stays as it is."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
