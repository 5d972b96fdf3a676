"""Names of what can be observed, in one place; nothing is recorded until something listens.

A listener is any object with `count(name, value, **labels)` and `time(name, ms, **labels)`.
Labels never hold text that users supply: their number must stay small.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

__all__ = [
    "ANSWERS",
    "DEGRADED",
    "FILTER_FAILURES",
    "FORWARD_PASSES",
    "RETRIEVER_CALLS",
    "STAGE",
    "Listener",
    "Stopwatch",
    "count",
    "listen",
    "logger",
]

ANSWERS: Final = "rag_router.answers"
"""Counter of answers, by `reason`."""
DEGRADED: Final = "rag_router.degraded"
"""Counter of everything that was skipped, cut or fell back, by `stage`."""
FILTER_FAILURES: Final = "rag_router.filter_failures"
"""Counter of filters that raised and were left out, by `filter`."""
FORWARD_PASSES: Final = "rag_router.lm_forward_passes"
"""Counter of rows that went through a language model."""
RETRIEVER_CALLS: Final = "rag_router.retriever_calls"
"""Counter of retrievers asked."""
STAGE: Final = "rag_router.stage_ms"
"""Histogram of milliseconds, by `stage`."""

logger: Final = logging.getLogger("rag_router")


class Listener(Protocol):
    """What hears of counts and times."""

    def count(self, name: str, value: float, **labels: str) -> None: ...
    def time(self, name: str, ms: float, **labels: str) -> None: ...


_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Let `listener` hear of everything from now on."""
    _listeners.append(listener)


def count(name: str, value: float = 1.0, **labels: str) -> None:
    """Add `value` to the counter called `name`."""
    for listener in _listeners:
        listener.count(name, value, **labels)


class Stopwatch:
    """Sums up the milliseconds that each stage takes."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._start = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block under `name`; a stage entered twice is summed."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - start) * 1000
            self.ms[name] = self.ms.get(name, 0.0) + spent
            for listener in _listeners:
                listener.time(STAGE, spent, stage=name)

    def total(self) -> float:
        """Milliseconds since the stopwatch was made."""
        return (time.perf_counter() - self._start) * 1000
