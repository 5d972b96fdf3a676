"""Services without weights, for what a batch job costs besides its answers."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
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

__all__ = ["Ready", "sleepy"]

_EMPTY = Evidence()


@dataclass
class Ready:
    """Answers at once, or after so many seconds for each batch.

    Attributes:
        batch_s: How long a batch takes.
        spent_s: How long it was busy so far.
        cpu_s: The processor's share of that.
    """

    batch_s: float = 0.0
    spent_s: float = 0.0
    cpu_s: float = 0.0

    def answer(self, questions: Sequence[Question], ask: Any = None) -> list[Answer]:
        begin, cpu = time.perf_counter(), time.process_time()
        if self.batch_s:
            time.sleep(self.batch_s)
        answers = [_said(one) for one in questions]
        self.spent_s += time.perf_counter() - begin
        self.cpu_s += time.process_time() - cpu
        return answers


def sleepy(folder: str, batch_s: float) -> Ready:
    """Make a service that takes its time, and leaves its process's number in a folder."""
    (Path(folder) / str(os.getpid())).write_text("")
    return Ready(batch_s=batch_s)


def _said(one: Question) -> Answer:
    return Answer(
        id=one.id,
        question=one.text,
        text=one.text[::-1],
        abstained=False,
        reason="parametric",
        confidence=0.5,
        knowledge=Knowledge(gate="none", p_know=0.5, threshold=0.5, retrieve=False, reason=""),
        route=Route(expert=ExpertChoice(name="ready")),
        evidence=_EMPTY,
        conflict=Conflict(closed_book_answer=None, divergence=None, strategy="none"),
        usage=Usage(),
        timings_ms={},
        message="",
    )
